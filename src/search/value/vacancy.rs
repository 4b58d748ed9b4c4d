//! Free beds: `available`, and with the sex `vacancy`. The slices of a ward's counts answer them.

use crate::error::Result;
use crate::fhir::outcome::CANONICAL;
use crate::search::query::refusal;
use crate::store::VacancyPattern;

use super::quantity::number;
use super::token;

/// Free beds of any sex.
pub fn available(name: &str, text: &str) -> Result<Vec<VacancyPattern>> {
    Ok(number(name, text)?.into_iter().map(|available| VacancyPattern { sex: None, available }).collect())
}

/// Free beds of a slice for one sex. Another code system than the region's has no slices.
pub fn of_sex(name: &str, sex: &str, text: &str) -> Result<Vec<VacancyPattern>> {
    let counts = number(name, text)?;
    let sex = token::read(name, sex)?;
    let of_region = |system: &str| system.strip_prefix(CANONICAL) == Some("/CodeSystem/admittable-sex");
    let Some(code) = sex.code else {
        return Err(refusal::value(
            name,
            "性別のコードがありません。例: female$ge1",
            "it has no code of a sex. Example: female$ge1",
        ));
    };
    if !sex.system.as_deref().is_none_or(of_region) {
        return Ok(Vec::new());
    }
    Ok(counts.into_iter().map(|available| VacancyPattern { sex: Some(code.clone()), available }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_asked_by_sex_and_count() {
        let found = |sex: &str| of_sex("vacancy", sex, "ge1").unwrap();
        assert_eq!(
            found("female"),
            [VacancyPattern { sex: Some("female".into()), ..available("a", "ge1").unwrap()[0].clone() }]
        );
        assert_eq!(found("https://kakehashi.example/fhir/CodeSystem/admittable-sex|female"), found("female"));
        assert_eq!(found("http://hl7.org/fhir/administrative-gender|female"), []);
        assert_eq!(found("|female"), []);
        for (sex, count) in
            [("https://kakehashi.example/fhir/CodeSystem/admittable-sex|", "1"), ("female", "x"), ("|", "1")]
        {
            assert!(of_sex("vacancy", sex, count).is_err(), "{sex} {count}");
        }
    }
}
