use crate::fhir::json::Json;
use super::walk::Walk;
impl<'a> Walk<'a> {
    pub fn narrative(&mut self, _value: &'a Json) {}
}
