//! Code systems whose codes are known by their form or from a short list: MIME types, languages, currencies, countries.

use super::terminology::Membership;

/// `type/subtype` with optional parameters (RFC 6838, RFC 2045).
pub fn mime_type(text: &str) -> bool {
    let (name, _) = text.split_once(';').unwrap_or((text, ""));
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    name.trim_end().split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

/// A well-formed language tag: language, script, region, variants, private use (RFC 5646 section 2.1; without the
/// registry, so any two or three letters are a language).
pub fn language(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let alphanumeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = text.split('-').peekable();
    let first = parts.next().unwrap_or_default();
    let private = |rest: std::iter::Peekable<std::str::Split<'_, char>>| {
        let parts: Vec<&str> = rest.collect();
        !parts.is_empty() && parts.iter().all(|part| (1..=8).contains(&part.len()) && alphanumeric(part))
    };
    if matches!(first, "x" | "i") {
        return private(parts);
    }
    if !(2..=3).contains(&first.len()) || !letters(first) {
        return false;
    }
    parts.next_if(|part| part.len() == 3 && letters(part));
    parts.next_if(|part| part.len() == 4 && letters(part));
    parts.next_if(|part| {
        (part.len() == 2 && letters(part)) || (part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let variant = |part: &&str| {
        alphanumeric(part)
            && ((5..=8).contains(&part.len())
                || (part.len() == 4 && part.starts_with(|first: char| first.is_ascii_digit())))
    };
    while parts.next_if(variant).is_some() {}
    match parts.next() {
        None => true,
        Some(single) => single.len() == 1 && alphanumeric(single) && private(parts),
    }
}

/// ISO 4217 in use when R4 was published, as its `currencies` value set has them.
const CURRENCIES: &str = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP \
BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GGP \
GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IMP INR IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB \
PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL SOS SPL SRD SSP STN SVC SYP SZL THB TJS TMT \
TND TOP TRY TTD TVD TWD TZS UAH UGX USD USN UYI UYU UZS VEF VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF XPD XPF \
XPT XSU XTS XUA XXX YER ZAR ZMW ZWD ZWL ";

pub fn currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) && CURRENCIES.contains(&format!(" {text} "))
}

/// ISO 3166-1, two letters.
const COUNTRIES: &str = " AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";

/// A country by two letters. Of three letters or digits only the form is judged (`urn:iso:std:iso:3166` has all three).
pub fn country(text: &str) -> Membership {
    let all = |test: fn(&u8) -> bool| text.bytes().all(|byte| test(&byte));
    let letters = all(u8::is_ascii_uppercase);
    match text.len() {
        2 => Membership::from(letters && COUNTRIES.split(' ').any(|code| code == text)),
        3 if letters || all(u8::is_ascii_digit) => Membership::Unknown,
        _ => Membership::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_follow_bcp_47() {
        for right in
            ["ja", "ja-JP", "zh-Hant-TW", "ja-Hira", "fr-CA", "x-private", "sl-rozaj", "de-1996", "en-u-ca-gregory"]
        {
            assert!(language(right), "{right}");
        }
        for wrong in ["", "123", "ja_JP", "japanese language", "no-such-code", "xx-YY-ZZZZZZZZZ", "日本語", "x", "ja-"]
        {
            assert!(!language(wrong), "{wrong}");
        }
    }

    #[test]
    fn mime_types_have_two_parts_and_countries_and_currencies_are_listed() {
        assert!(mime_type("text/plain") && mime_type("application/fhir+json; charset=utf-8"));
        assert!(!mime_type("pdf") && !mime_type("a b/c") && !mime_type("/x"));
        assert_eq!(["JP", "XX", "jp", "JPN", "392", "Japan"].map(country), {
            use Membership::{No, Unknown, Yes};
            [Yes, No, No, Unknown, Unknown, No]
        });
        assert!(currency("JPY") && !currency("YEN") && !currency("jpy") && !currency("J Y"));
    }
}
