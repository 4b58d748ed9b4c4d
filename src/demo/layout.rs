//! How many of each thing the region has, and which belongs to which: closed formulas instead of tables, so that a
//! region of 1.5 million beds needs no more memory than one of four thousand.

use super::stories::accepted_admissions;

/// Beds of twenty facilities, from a city hospital down to clinics with beds; the pattern repeats.
const SIZES: [u64; 20] =
    [599, 440, 350, 300, 280, 250, 230, 220, 200, 190, 180, 160, 150, 130, 110, 90, 69, 18, 17, 17];

/// Of five clinics, the first three do home care, the others are of another specialty.
const CLINIC_BLOCK: usize = 5;
const HOME_CARE_IN_BLOCK: usize = 3;

/// What to make. [`Plan::default`] is the demo region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// Hospitals and clinics with beds.
    pub facilities: usize,
    pub beds: usize,
    pub wards: usize,
    /// Clinics without beds: home care and other specialties.
    pub clinics: usize,
    /// Groups of home-care doctors who stand in for each other.
    pub doctor_groups: usize,
    pub nurse_stations: usize,
    pub pharmacies: usize,
    pub care_manager_offices: usize,
    /// Care homes that take people back from hospital.
    pub care_homes: usize,
    pub patients: usize,
    /// Requests; each has up to four offers.
    pub referrals: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            seed: 20_251,
            facilities: 20,
            beds: 4_000,
            wards: 100,
            clinics: 150,
            doctor_groups: 8,
            nurse_stations: 30,
            pharmacies: 40,
            care_manager_offices: 40,
            care_homes: 10,
            patients: 3_000,
            referrals: 600,
        }
    }
}

impl Plan {
    /// A region of the same make-up with so many facilities and beds: Japan has 8,122 hospitals and 1.5 million beds.
    pub fn scaled(facilities: usize, beds: usize) -> Self {
        let demo = Plan::default();
        let share = |of: usize| beds.saturating_mul(of) / demo.beds;
        Plan {
            seed: demo.seed,
            facilities,
            beds,
            wards: share(demo.wards),
            clinics: share(demo.clinics),
            doctor_groups: share(demo.doctor_groups),
            nurse_stations: share(demo.nurse_stations),
            pharmacies: share(demo.pharmacies),
            care_manager_offices: share(demo.care_manager_offices),
            care_homes: share(demo.care_homes),
            patients: share(demo.patients),
            referrals: share(demo.referrals),
        }
        .complete()
    }

    /// The plan with at least one of everything that others refer to, a ward a facility and a bed a ward.
    pub(super) fn complete(self) -> Self {
        let facilities = self.facilities.max(1);
        let wards = self.wards.max(facilities);
        let clinics = self.clinics.max(CLINIC_BLOCK);
        Plan {
            facilities,
            wards,
            beds: self.beds.max(wards),
            clinics,
            doctor_groups: self.doctor_groups.clamp(1, HOME_CARE_IN_BLOCK * (clinics / CLINIC_BLOCK)),
            nurse_stations: self.nurse_stations.max(1),
            pharmacies: self.pharmacies.max(1),
            care_manager_offices: self.care_manager_offices.max(1),
            care_homes: self.care_homes.max(1),
            referrals: if self.patients == 0 { 0 } else { self.referrals },
            ..self
        }
    }

    /// The part of `total` that falls to the facilities before `facility`, by size.
    fn before(&self, total: usize, facility: usize) -> usize {
        let weight = |facility: usize| -> u128 {
            let (rounds, rest) = (facility / SIZES.len(), facility % SIZES.len());
            let sum = |sizes: &[u64]| u128::from(sizes.iter().sum::<u64>());
            rounds as u128 * sum(&SIZES) + sum(&SIZES[..rest])
        };
        let share = total as u128 * weight(facility) / weight(self.facilities).max(1);
        usize::try_from(share).unwrap_or(usize::MAX)
    }

    fn wards_before(&self, facility: usize) -> usize {
        facility + self.before(self.wards - self.facilities, facility)
    }

    /// One bed a ward, and the rest by size.
    fn beds_before(&self, facility: usize) -> usize {
        let spare = self.beds - self.wards;
        self.wards_before(facility) + self.before(spare, facility)
    }

    pub(super) fn beds_of(&self, facility: usize) -> usize {
        self.beds_before(facility + 1) - self.beds_before(facility)
    }

    pub(super) fn wards_of(&self, facility: usize) -> usize {
        self.wards_before(facility + 1) - self.wards_before(facility)
    }

    pub(super) fn beds_of_ward(&self, facility: usize, ward: usize) -> usize {
        let (beds, wards) = (self.beds_of(facility), self.wards_of(facility).max(1));
        beds * (ward + 1) / wards - beds * ward / wards
    }

    /// A ward's number in the whole region.
    pub(super) fn ward_number(&self, facility: usize, ward: usize) -> usize {
        self.wards_before(facility) + ward
    }

    /// The facility of a ward known by its number in the region, and its number there.
    pub(super) fn ward_at(&self, number: usize) -> (usize, usize) {
        let (mut low, mut high) = (0, self.facilities - 1);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if self.wards_before(middle) <= number { low = middle } else { high = middle - 1 }
        }
        (low, number - self.wards_before(low))
    }

    /// The ward in which the `hold`-th accepted admission keeps a bed; holds are spread over the region.
    pub(super) fn ward_of_hold(&self, hold: usize) -> Option<usize> {
        let holds = accepted_admissions(self).min(self.wards);
        (hold < holds).then(|| hold * (self.wards / holds))
    }

    pub(super) fn ward_keeps_a_bed(&self, number: usize) -> bool {
        let holds = accepted_admissions(self).min(self.wards);
        holds > 0 && number.is_multiple_of(self.wards / holds) && number / (self.wards / holds) < holds
    }

    pub(super) fn home_care_clinics(&self) -> usize {
        self.clinics / CLINIC_BLOCK * HOME_CARE_IN_BLOCK + (self.clinics % CLINIC_BLOCK).min(HOME_CARE_IN_BLOCK)
    }

    pub(super) fn specialist_clinics(&self) -> usize {
        self.clinics - self.home_care_clinics()
    }

    pub(super) fn doctor_group_of(&self, clinic: usize) -> usize {
        (clinic / CLINIC_BLOCK * HOME_CARE_IN_BLOCK + clinic % CLINIC_BLOCK) % self.doctor_groups
    }

    /// The home-care clinics of a group.
    pub(super) fn clinics_of_group(&self, group: usize) -> impl Iterator<Item = usize> + use<> {
        (group..self.home_care_clinics()).step_by(self.doctor_groups).map(home_care_clinic)
    }
}

pub fn does_home_care(clinic: usize) -> bool {
    clinic % CLINIC_BLOCK < HOME_CARE_IN_BLOCK
}

/// The `rank`-th clinic that does home care.
pub fn home_care_clinic(rank: usize) -> usize {
    rank / HOME_CARE_IN_BLOCK * CLINIC_BLOCK + rank % HOME_CARE_IN_BLOCK
}

/// The `rank`-th clinic of another specialty.
pub fn specialist_clinic(rank: usize) -> usize {
    const OTHERS: usize = CLINIC_BLOCK - HOME_CARE_IN_BLOCK;
    rank / OTHERS * CLINIC_BLOCK + HOME_CARE_IN_BLOCK + rank % OTHERS
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn wards_and_beds_are_shared_out_without_rest(facilities in 0..90usize, wards in 0..400usize, beds in 0..9_000usize) {
            let plan = Plan { facilities, wards, beds, ..Plan::default() }.complete();
            let mut number = 0;
            let mut total = 0;
            for facility in 0..plan.facilities {
                for ward in 0..plan.wards_of(facility) {
                    proptest::prop_assert_eq!(plan.ward_number(facility, ward), number);
                    proptest::prop_assert_eq!(plan.ward_at(number), (facility, ward));
                    proptest::prop_assert!(plan.beds_of_ward(facility, ward) > 0);
                    total += plan.beds_of_ward(facility, ward);
                    number += 1;
                }
            }
            proptest::prop_assert_eq!((number, total), (plan.wards, plan.beds));
        }

        #[test]
        fn a_hold_and_its_ward_find_each_other(referrals in 0..5_000usize, wards in 20..900usize) {
            let plan = Plan { referrals, wards, ..Plan::default() }.complete();
            let kept = (0..).map_while(|hold| plan.ward_of_hold(hold)).collect::<Vec<_>>();
            let keeping = (0..plan.wards).filter(|ward| plan.ward_keeps_a_bed(*ward)).collect::<Vec<_>>();
            proptest::prop_assert_eq!(kept, keeping);
        }
    }

    #[test]
    fn the_demo_has_hospitals_of_all_sizes_and_clinics_with_beds() {
        let plan = Plan::default();
        let sizes = (0..plan.facilities).map(|facility| plan.beds_of(facility)).collect::<Vec<_>>();
        assert!(sizes[0] > 500 && sizes[17..].iter().all(|size| *size <= 19), "{sizes:?}");
    }

    #[test]
    fn clinics_are_home_care_or_specialist() {
        let plan = Plan::default();
        let mut clinics = (0..plan.home_care_clinics()).map(home_care_clinic).collect::<Vec<_>>();
        assert!(clinics.iter().all(|clinic| does_home_care(*clinic)));
        clinics.extend((0..plan.specialist_clinics()).map(specialist_clinic));
        clinics.sort_unstable();
        assert_eq!(clinics, (0..plan.clinics).collect::<Vec<_>>());
    }
}
