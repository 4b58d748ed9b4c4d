//! The searches that the region asks most (README, "Searches").

use super::region::{CAPABILITIES, FUNCTIONS, REFERRALS_A_PATIENT, Region, SPECIALTIES};

/// One kind of question; `n` chooses whose.
pub struct Question {
    pub name: &'static str,
    pub query: fn(Region, usize) -> String,
}

/// Spreads numbers over a range without a pattern that caches would like.
fn spread(n: usize, range: usize) -> usize {
    n.wrapping_mul(2_654_435_761) % range.max(1)
}

pub const QUESTIONS: [Question; 8] = [
    Question {
        name: "free beds of a ward",
        query: |region, n| {
            let ward = spread(n, region.wards());
            format!("Location?partof=Location/ward-{ward}&operational-status=U&_count=20")
        },
    },
    Question {
        name: "wards for a woman within 10 km, nearest first",
        query: |region, n| {
            let (latitude, longitude) = Region::centre(spread(n, region.cities()));
            let (function, capability) = (FUNCTIONS[n % 4], CAPABILITIES[n / 4 % 4]);
            format!(
                "Location?vacancy=female$ge1&bed-function={function}&capability={capability}\
                 &near={latitude}|{longitude}|10|km&_sort=near&_count=20"
            )
        },
    },
    Question {
        name: "home-care clinics by specialty, area, capacity",
        query: |region, n| {
            let (city, specialty) = (spread(n, region.cities()), SPECIALTIES[n % SPECIALTIES.len()]);
            format!(
                "HealthcareService?coverage-area=Location/city-{city}&specialty={specialty}\
                 &capacity-status=capacity&_count=20"
            )
        },
    },
    Question {
        name: "active referrals of a patient, tasks, requester",
        query: |region, n| {
            let patient = spread(n, region.referrals() / REFERRALS_A_PATIENT);
            format!(
                "ServiceRequest?patient=Patient/pat-{patient}&status=active&_revinclude=Task:focus\
                 &_include=ServiceRequest:requester&_count=20"
            )
        },
    },
    Question {
        name: "inbox of a hospital",
        query: |region, n| {
            let owner = spread(n, region.hospitals());
            format!("Task?owner=Organization/hosp-{owner}&status=requested&_include=Task:focus&_count=20")
        },
    },
    Question {
        name: "care team of a patient with members",
        query: |region, n| {
            let patient = spread(n, region.patients());
            format!("CareTeam?patient=Patient/pat-{patient}&status=active&_include=CareTeam:participant&_count=20")
        },
    },
    Question {
        name: "teams of a practitioner",
        query: |region, n| {
            let doctor = spread(n, region.hospitals());
            format!("CareTeam?participant=PractitionerRole/doctor-{doctor}&_count=20")
        },
    },
    Question {
        name: "changed since a moment",
        query: |_, _| "Task?_lastUpdated=ge{since}&_sort=_lastUpdated&_count=20".to_owned(),
    },
];
