//! Elements of type `code` have no system: that of their value set is implied. R4 `search.html#token`.

use super::Definitions;
use super::inner::member_element;

impl Definitions {
    /// The code systems that are implied at a path such as `Patient.gender`; `None` where no plain code stands.
    pub fn implied_systems(&self, path: &str) -> Option<Vec<String>> {
        let (parent, name) = path.rsplit_once('.')?;
        let (_, shape) = self.inner.shape(parent)?;
        let element =
            member_element(shape, name).filter(|element| element.types.iter().all(|one| one.code == "code"))?;
        let set = element.rules.binding.as_ref().map(|binding| self.inner.terminology.set(&binding.value_set));
        Some(set.map(|set| set.systems().into_iter().map(str::to_owned).collect()).unwrap_or_default())
    }
}
