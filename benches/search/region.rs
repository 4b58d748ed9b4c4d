//! A region of a given number of beds, resource by resource: cities of sixty hospitals, hospitals of four wards, wards of
//! 45 beds, clinics beside hospitals, and for every seven and a half beds a referral with its task; or of large hospitals
//! alone: ten wards of 300 beds each.
//!
//! Everything is told by its number, so that the questions know what there is; a city is always as dense, so that a
//! question finds as much in a large region as in a small one.

const KH: &str = "https://kakehashi.example/fhir";
pub const HOSPITALS_A_CITY: usize = 60;
/// Referrals of one patient, of which every second is active.
pub const REFERRALS_A_PATIENT: usize = 4;
pub const FUNCTIONS: [&str; 4] = ["high-acute", "acute", "recovery", "chronic"];
pub const CAPABILITIES: [&str; 4] = ["oxygen", "ventilator", "dialysis", "negative-pressure"];
pub const SPECIALTIES: [&str; 5] = ["01", "02", "08", "11", "31"];

#[derive(Clone, Copy)]
pub struct Region {
    beds: usize,
    beds_a_ward: usize,
    wards_a_hospital: usize,
    has_referrals: bool,
}

impl Region {
    pub fn of(beds: usize) -> Region {
        Region { beds, beds_a_ward: 45, wards_a_hospital: 4, has_referrals: true }
    }

    pub fn of_large_hospitals(beds: usize) -> Region {
        Region { beds, beds_a_ward: 300, wards_a_hospital: 10, has_referrals: false }
    }

    pub fn beds(self) -> usize {
        self.beds
    }

    pub fn wards(self) -> usize {
        self.beds / self.beds_a_ward
    }

    pub fn hospitals(self) -> usize {
        (self.wards() / self.wards_a_hospital).max(1)
    }

    pub fn cities(self) -> usize {
        self.hospitals().div_ceil(HOSPITALS_A_CITY)
    }

    pub fn referrals(self) -> usize {
        self.beds * 2 / 15
    }

    pub fn patients(self) -> usize {
        (self.referrals() / REFERRALS_A_PATIENT).max(1)
    }

    /// The centre of a city, in degrees.
    pub fn centre(city: usize) -> (f64, f64) {
        (31.5 + (city % 12) as f64, 130.5 + (city / 12) as f64)
    }

    /// All resources, each as its JSON text.
    pub fn resources(self) -> impl Iterator<Item = String> + Send {
        let cities = (0..self.cities()).map(city);
        let hospitals = (0..self.hospitals()).flat_map(hospital);
        let wards = (0..self.wards()).map(move |number| self.ward(number));
        let beds = (0..self.beds).map(move |number| self.bed(number, if number.is_multiple_of(5) { 'U' } else { 'O' }));
        let (hospitals_in_all, referrals, patients) = match self.has_referrals {
            true => (self.hospitals(), self.referrals(), self.patients()),
            false => (self.hospitals(), 0, 0),
        };
        let patients = (0..patients).flat_map(move |number| patient(number, hospitals_in_all));
        let referrals = (0..referrals).flat_map(move |number| referral(number, hospitals_in_all));
        cities.chain(hospitals).chain(wards).chain(beds).chain(patients).chain(referrals)
    }

    fn ward(self, number: usize) -> String {
        let (facility, function) = (number / self.wards_a_hospital, FUNCTIONS[number % FUNCTIONS.len()]);
        let capability = CAPABILITIES[number / FUNCTIONS.len() % CAPABILITIES.len()];
        format!(
            r#"{{"resourceType":"Location","id":"ward-{number}","status":"active","name":"{number}病棟","mode":"instance","physicalType":{},"managingOrganization":{{"reference":"Organization/hosp-{facility}"}},"partOf":{{"reference":"Location/fac-{facility}"}},"extension":[{{"url":"{KH}/StructureDefinition/bed-function","valueCoding":{{"system":"{KH}/CodeSystem/bed-function","code":"{function}"}}}},{{"url":"{KH}/StructureDefinition/capability","valueCoding":{{"system":"{KH}/CodeSystem/capability","code":"{capability}"}}}}]}}"#,
            physical("wa")
        )
    }

    /// At first one of five is free. Every third ward takes men alone, the others women in every second bed.
    pub fn bed(self, number: usize, status: char) -> String {
        let ward = number / self.beds_a_ward;
        let facility = ward / self.wards_a_hospital;
        let sex = if ward.is_multiple_of(3) || number.is_multiple_of(2) { "male" } else { "female" };
        format!(
            r#"{{"resourceType":"Location","id":"bed-{number}","meta":{{"profile":["{KH}/StructureDefinition/kh-bed"]}},"identifier":[{{"system":"{KH}/IdSystem/bed","value":"271{facility:07}-W{ward:05}-B{number:07}"}}],"status":"active","operationalStatus":{{"system":"http://terminology.hl7.org/CodeSystem/v2-0116","code":"{status}"}},"name":"{number}床","mode":"instance","type":[{}],"physicalType":{},"managingOrganization":{{"reference":"Organization/hosp-{facility}"}},"partOf":{{"reference":"Location/ward-{ward}"}},"extension":[{{"url":"{KH}/StructureDefinition/admittable-sex","valueCoding":{{"system":"{KH}/CodeSystem/admittable-sex","code":"{sex}"}}}},{{"url":"{KH}/StructureDefinition/as-of","valueInstant":"2026-11-22T09:00:00+09:00"}}]}}"#,
            coding(&format!("{KH}/CodeSystem/location-role"), "bed"),
            physical("bd")
        )
    }
}

fn coding(system: &str, code: &str) -> String {
    format!(r#"{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#)
}

fn physical(code: &str) -> String {
    coding("http://terminology.hl7.org/CodeSystem/location-physical-type", code)
}

fn city(number: usize) -> String {
    format!(
        r#"{{"resourceType":"Location","id":"city-{number}","status":"active","name":"第{number}市","physicalType":{}}}"#,
        physical("jdn")
    )
}

/// The hospital with its facility, and the clinic of the same number with a doctor and a home-care service.
fn hospital(number: usize) -> Vec<String> {
    let city = number / HOSPITALS_A_CITY;
    let (latitude, longitude) = Region::centre(city);
    let place = number % HOSPITALS_A_CITY;
    // A spiral of 200 m a step, so that ten kilometres reach all but the last few.
    let angle = place as f64 * 2.4;
    let distance = place as f64 * 0.0018;
    let (latitude, longitude) = (latitude + distance * angle.sin(), longitude + distance * angle.cos());
    let capacity = if number.is_multiple_of(3) { "no-capacity" } else { "capacity" };
    let specialty = SPECIALTIES[number % SPECIALTIES.len()];
    vec![
        format!(
            r#"{{"resourceType":"Organization","id":"hosp-{number}","active":true,"identifier":[{{"system":"http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no","value":"271{number:07}"}}],"name":"第{number}病院"}}"#
        ),
        format!(
            r#"{{"resourceType":"Location","id":"fac-{number}","status":"active","name":"第{number}病院","mode":"instance","physicalType":{},"position":{{"longitude":{longitude:.6},"latitude":{latitude:.6}}},"managingOrganization":{{"reference":"Organization/hosp-{number}"}},"partOf":{{"reference":"Location/city-{city}"}}}}"#,
            physical("si")
        ),
        format!(
            r#"{{"resourceType":"Organization","id":"clinic-{number}","active":true,"identifier":[{{"system":"http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no","value":"272{number:07}"}}],"name":"第{number}診療所"}}"#
        ),
        format!(
            r#"{{"resourceType":"PractitionerRole","id":"doctor-{number}","active":true,"organization":{{"reference":"Organization/clinic-{number}"}},"specialty":[{}]}}"#,
            coding("http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment", specialty)
        ),
        format!(
            r#"{{"resourceType":"HealthcareService","id":"home-{number}","active":true,"providedBy":{{"reference":"Organization/clinic-{number}"}},"name":"第{number}診療所 訪問診療","type":[{}],"specialty":[{}],"coverageArea":[{{"reference":"Location/city-{city}"}}],"extension":[{{"url":"{KH}/StructureDefinition/capacity-status","valueCoding":{{"system":"{KH}/CodeSystem/capacity-status","code":"{capacity}"}}}}]}}"#,
            coding(&format!("{KH}/CodeSystem/service-type"), "home-visit"),
            coding("http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment", specialty)
        ),
    ]
}

/// The patient and the team around it.
fn patient(number: usize, hospitals: usize) -> [String; 2] {
    let doctor = number % hospitals;
    [
        format!(
            r#"{{"resourceType":"Patient","id":"pat-{number}","identifier":[{{"system":"urn:oid:1.2.392.100495.20.3.51.1272{doctor:07}","value":"{number:08}"}}],"name":[{{"family":"在宅","given":["{number}"]}}],"gender":"female","birthDate":"1940-01-01"}}"#
        ),
        format!(
            r#"{{"resourceType":"CareTeam","id":"team-{number}","status":"active","name":"チーム{number}","subject":{{"reference":"Patient/pat-{number}"}},"period":{{"start":"2026-01-01"}},"participant":[{{"member":{{"reference":"PractitionerRole/doctor-{doctor}"}}}},{{"member":{{"reference":"Organization/clinic-{}"}}}},{{"member":{{"reference":"Organization/hosp-{doctor}"}}}}],"managingOrganization":[{{"reference":"Organization/clinic-{doctor}"}}]}}"#,
            (doctor + 1) % hospitals
        ),
    ]
}

/// The referral and its task. Every second referral is active; one task of ten of those waits for an answer.
fn referral(number: usize, hospitals: usize) -> [String; 2] {
    let patient = number / REFERRALS_A_PATIENT;
    let (doctor, owner) = (patient % hospitals, number % hospitals);
    let active = number.is_multiple_of(2);
    let status = if active { "active" } else { "completed" };
    let task = match (active, number / 2 % 10) {
        (true, 0) => "requested",
        (true, _) => "accepted",
        _ => "completed",
    };
    let day = 1 + number % 28;
    [
        format!(
            r#"{{"resourceType":"ServiceRequest","id":"ref-{number}","identifier":[{{"system":"{KH}/IdSystem/placer","value":"P{number:08}"}}],"status":"{status}","intent":"order","category":[{}],"priority":"urgent","subject":{{"reference":"Patient/pat-{patient}"}},"requester":{{"reference":"PractitionerRole/doctor-{doctor}"}},"authoredOn":"2026-11-{day:02}T10:00:00+09:00"}}"#,
            coding(&format!("{KH}/CodeSystem/referral-category"), "admission")
        ),
        format!(
            r#"{{"resourceType":"Task","id":"task-{number}","status":"{task}","intent":"order","focus":{{"reference":"ServiceRequest/ref-{number}"}},"for":{{"reference":"Patient/pat-{patient}"}},"authoredOn":"2026-11-{day:02}T10:00:00+09:00","requester":{{"reference":"PractitionerRole/doctor-{doctor}"}},"owner":{{"reference":"Organization/hosp-{owner}"}}}}"#
        ),
    ]
}
