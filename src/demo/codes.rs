//! The codes that the demo uses, each with its display (as the code system has it) and its Japanese name.

use super::build::kh;

/// One code of a code system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub system: &'static str,
    pub code: &'static str,
    pub display: &'static str,
    pub ja: &'static str,
}

pub const fn code(system: &'static str, code: &'static str, display: &'static str, ja: &'static str) -> Code {
    Code { system, code, display, ja }
}

const BED_FUNCTION: &str = kh!("CodeSystem/bed-function");
const ADMISSION_FEE: &str = kh!("CodeSystem/admission-fee");
const CAPABILITY: &str = kh!("CodeSystem/capability");
const SEX: &str = kh!("CodeSystem/admittable-sex");
const CAPACITY: &str = kh!("CodeSystem/capacity-status");
const ROLE: &str = kh!("CodeSystem/care-role");
const LOCATION: &str = kh!("CodeSystem/location-role");
const ORGANIZATION: &str = kh!("CodeSystem/organization-type");
const CATEGORY: &str = kh!("CodeSystem/referral-category");
const REJECT: &str = kh!("CodeSystem/reject-reason");
const REASON: &str = kh!("CodeSystem/status-reason");
const SERVICE: &str = kh!("CodeSystem/service-type");
const TEAM: &str = kh!("CodeSystem/care-team-category");
const V3_ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
const PHYSICAL: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";
const BED_STATUS: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";
const DEPARTMENT: &str = "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment";
const ICD_10: &str = "http://hl7.org/fhir/sid/icd-10";

pub const ADVANCED_ACUTE: Code = code(BED_FUNCTION, "advanced-acute", "Advanced acute", "高度急性期");
pub const ACUTE: Code = code(BED_FUNCTION, "acute", "Acute", "急性期");
pub const RECOVERY: Code = code(BED_FUNCTION, "recovery", "Recovery", "回復期");
pub const COMPREHENSIVE: Code = code(BED_FUNCTION, "comprehensive", "Comprehensive", "包括期");
pub const CHRONIC: Code = code(BED_FUNCTION, "chronic", "Chronic", "慢性期");

pub const ACUTE_GENERAL: Code = code(ADMISSION_FEE, "acute-general", "Acute general ward", "急性期一般病棟");
pub const COMPREHENSIVE_CARE: Code =
    code(ADMISSION_FEE, "community-comprehensive-care-ward", "Community comprehensive care ward", "地域包括ケア病棟");
pub const COMPREHENSIVE_MEDICAL: Code = code(
    ADMISSION_FEE,
    "community-comprehensive-medical-ward",
    "Community comprehensive medical ward",
    "地域包括医療病棟",
);
pub const REHABILITATION_WARD: Code =
    code(ADMISSION_FEE, "rehabilitation", "Recovery rehabilitation ward", "回復期リハビリテーション病棟");
pub const LONG_TERM_CARE: Code = code(ADMISSION_FEE, "long-term-care", "Long-term care ward", "療養病棟");
pub const CLINIC_BEDS: Code = code(ADMISSION_FEE, "clinic-with-beds", "Clinic with beds", "有床診療所");
pub const OTHER_WARD: Code = code(ADMISSION_FEE, "other", "Other", "その他");

pub const NEGATIVE_PRESSURE: Code = code(CAPABILITY, "negative-pressure", "Negative pressure room", "陰圧");
pub const CAPABILITIES: [Code; 10] = [
    code(CAPABILITY, "oxygen", "Oxygen", "酸素"),
    code(CAPABILITY, "ventilator", "Ventilator", "人工呼吸器"),
    code(CAPABILITY, "suction", "Airway suction", "喀痰吸引"),
    code(CAPABILITY, "dialysis", "Dialysis", "透析"),
    code(CAPABILITY, "tube-feeding", "Tube feeding", "経管栄養"),
    code(CAPABILITY, "pressure-ulcer", "Pressure ulcer care", "褥瘡管理"),
    code(CAPABILITY, "pain-control", "Pain control with opioids", "疼痛管理(医療用麻薬)"),
    code(CAPABILITY, "dementia-care", "Dementia care", "認知症対応"),
    code(CAPABILITY, "end-of-life", "End-of-life care", "看取り"),
    code(CAPABILITY, "respite", "Respite stay", "レスパイト入院"),
];

pub const MALE: Code = code(SEX, "male", "Male", "男性");
pub const FEMALE: Code = code(SEX, "female", "Female", "女性");
pub const ANY: Code = code(SEX, "any", "Any", "男女可");

pub const CAPACITIES: [Code; 4] = [
    code(CAPACITY, "capacity", "Has capacity", "受入れ可"),
    code(CAPACITY, "additional-assessment-required", "Further assessment needed", "個別に要相談"),
    code(CAPACITY, "waitlist", "Waiting list", "待機あり"),
    code(CAPACITY, "no-capacity", "No capacity", "受入れ不可"),
];

pub const ATTENDING: Code = code(ROLE, "attending-doctor", "Attending home-care doctor", "在宅主治医");
pub const SPECIALIST: Code = code(ROLE, "specialist", "Specialist", "他科専門医");
pub const NURSE: Code = code(ROLE, "visiting-nurse", "Visiting nurse", "訪問看護師");
pub const PHARMACIST: Code = code(ROLE, "pharmacist", "Pharmacist", "薬剤師");
pub const CARE_MANAGER: Code = code(ROLE, "care-manager", "Care manager", "介護支援専門員");
pub const COORDINATOR: Code = code(ROLE, "coordinator", "Coordinator", "コーディネーター");
pub const ADMISSION_DESK: Code = code(ROLE, "ward-contact", "Admission desk", "入退院支援窓口");

pub const FACILITY: Code = code(
    "https://profiles.ihe.net/ITI/mCSD/CodeSystem/IHE.mCSD.Organization.Location.Types",
    "facility",
    "Facility",
    "施設",
);
pub const AT_HOSPITAL: Code = code(LOCATION, "hospital", "Hospital", "病院");
pub const AT_CLINIC_WITH_BEDS: Code = code(LOCATION, "clinic-with-beds", "Clinic with beds", "有床診療所");
pub const AT_CLINIC: Code = code(LOCATION, "clinic", "Clinic", "無床診療所");
pub const WARD: Code = code(LOCATION, "ward", "Ward", "病棟");
pub const BED: Code = code(LOCATION, "bed", "Bed", "病床");
/// The same kinds of place as HL7's own code system has them, for readers who know only that.
pub const V3_HOSPITAL: Code = code(V3_ROLE, "HOSP", "Hospital", "病院");
pub const V3_OUTPATIENT: Code = code(V3_ROLE, "OF", "Outpatient facility", "外来施設");
pub const V3_HOSPITAL_UNIT: Code = code(V3_ROLE, "HU", "Hospital unit", "病棟");
pub const COVERAGE_AREA: Code = code(LOCATION, "coverage-area", "Area of visits", "訪問区域");

pub const SITE: Code = code(PHYSICAL, "si", "Site", "敷地");
pub const PHYSICAL_WARD: Code = code(PHYSICAL, "wa", "Ward", "病棟");
pub const PHYSICAL_BED: Code = code(PHYSICAL, "bd", "Bed", "病床");
pub const AREA: Code = code(PHYSICAL, "area", "Area", "区域");

pub const HOSPITAL: Code = code(ORGANIZATION, "hospital", "Hospital", "病院");
pub const CLINIC_WITH_BEDS: Code = code(ORGANIZATION, "clinic-with-beds", "Clinic with beds", "有床診療所");
pub const CLINIC: Code = code(ORGANIZATION, "clinic", "Clinic", "無床診療所");
pub const PHARMACY: Code = code(ORGANIZATION, "pharmacy", "Pharmacy", "薬局");
pub const NURSE_STATION: Code =
    code(ORGANIZATION, "visiting-nursing-station", "Visiting-nursing station", "訪問看護ステーション");
pub const CARE_MANAGER_OFFICE: Code =
    code(ORGANIZATION, "care-manager-office", "Care-manager office", "居宅介護支援事業所");
pub const CARE_HOME: Code = code(ORGANIZATION, "care-facility", "Care facility", "介護施設");
pub const SUPPORT_CENTRE: Code =
    code(ORGANIZATION, "support-centre", "Home-care support centre", "在宅医療・介護連携支援センター");
pub const COUNCIL: Code = code(ORGANIZATION, "council", "Council", "連絡会");
pub const ASSOCIATION: Code = code(ORGANIZATION, "association", "Professional association", "職能団体");

pub const ADMISSION: Code = code(CATEGORY, "admission", "Admission", "入院受入れ");
pub const COVER: Code = code(CATEGORY, "cover", "Cover", "代診");
pub const SPECIALTY_SUPPORT: Code = code(CATEGORY, "specialty-support", "Specialty support", "他科支援");
pub const HOME_VISIT: Code = code(CATEGORY, "home-visit", "Home visits", "訪問診療");
pub const VISITING_NURSING: Code = code(CATEGORY, "visiting-nursing", "Visiting nursing", "訪問看護");
pub const PHARMACIST_VISIT: Code = code(CATEGORY, "pharmacist-visit", "Pharmacist visits", "訪問薬剤管理");
pub const CARE_MANAGEMENT: Code = code(CATEGORY, "care-management", "Care management", "ケアマネジメント");
pub const COORDINATION: Code = code(CATEGORY, "coordination", "Coordination", "連携調整");
pub const DISCHARGE_HOME: Code = code(CATEGORY, "discharge-home", "Discharge to home", "退院・在宅移行");

/// Why a hospital says no.
pub const HOSPITAL_REFUSALS: [Code; 6] = [
    code(REJECT, "full", "No free bed", "満床"),
    code(REJECT, "infection-isolation", "No isolation possible", "感染隔離"),
    code(REJECT, "out-of-specialty", "Outside our specialties", "専門外"),
    code(REJECT, "staffing", "Staff lacking", "人員"),
    code(REJECT, "equipment", "Equipment lacking", "設備"),
    code(REJECT, "sex-room", "No room for this sex", "性別による病室の不足"),
];
/// Why others say no.
pub const REFUSALS: [Code; 4] = [
    code(REJECT, "no-capacity", "No capacity for new patients", "新規受入れ枠なし"),
    code(REJECT, "out-of-area", "Outside our area", "区域外"),
    code(REJECT, "staffing", "Staff lacking", "人員"),
    code(REJECT, "hours", "Outside our hours", "時間外"),
];

pub const LAPSED: Code = code(REASON, "lapsed", "Unanswered in time", "回答期限切れ");
pub const SIBLING_ACCEPTED: Code = code(REASON, "sibling-accepted", "Accepted elsewhere", "他の候補先が受諾");
pub const REVOKED: Code = code(REASON, "revoked", "Request revoked", "依頼の取下げ");
pub const WITHDRAWN: Code = code(REASON, "withdrawn", "Offer withdrawn", "打診の取下げ");
pub const HOLD_EXPIRED: Code = code(REASON, "hold-expired", "Bed hold expired", "病床確保の期限切れ");
pub const CONDITION_CHANGED: Code = code(REASON, "condition-changed", "Needs changed", "必要な条件の変化");

pub const ACCEPTANCE: Code = code(SERVICE, "acceptance", "Sub-acute acceptance", "サブアキュート受入れ");
pub const HOME_CARE: Code = code(SERVICE, "home-care", "Home care", "在宅医療");
pub const SUPPORT_SERVICE: Code = code(SERVICE, "specialty-support", "Specialty support", "他科支援");

pub const DOCTOR_GROUP: Code = code(TEAM, "doctor-group", "Home-care doctors' group", "在宅医グループ");
pub const PATIENT_TEAM: Code = code(TEAM, "patient-team", "Patient's care team", "患者のケアチーム");

pub const CLOSED: Code = code(BED_STATUS, "C", "Closed", "閉鎖");
pub const HOUSEKEEPING: Code = code(BED_STATUS, "H", "Housekeeping", "清掃・準備中");
pub const ISOLATED: Code = code(BED_STATUS, "I", "Isolated", "隔離");
pub const CONTAMINATED: Code = code(BED_STATUS, "K", "Contaminated", "汚染");
pub const OCCUPIED: Code = code(BED_STATUS, "O", "Occupied", "使用中");
pub const UNOCCUPIED: Code = code(BED_STATUS, "U", "Unoccupied", "空床");

pub const INTERNAL_MEDICINE: Code = code(DEPARTMENT, "01", "内科", "内科");
pub const SURGERY: Code = code(DEPARTMENT, "10", "外科", "外科");
pub const SPECIALTIES: [Code; 6] = [
    code(DEPARTMENT, "02", "精神科", "精神科"),
    code(DEPARTMENT, "19", "皮膚科", "皮膚科"),
    code(DEPARTMENT, "20", "泌尿器科", "泌尿器科"),
    code(DEPARTMENT, "26", "眼科", "眼科"),
    code(DEPARTMENT, "27", "耳鼻咽喉科", "耳鼻咽喉科"),
    code(DEPARTMENT, "11", "整形外科", "整形外科"),
];

/// Why a patient at home worsens, or needs someone's help.
pub const DIAGNOSES: [Code; 8] = [
    code(ICD_10, "J18.9", "Pneumonia, unspecified", "肺炎"),
    code(ICD_10, "J69.0", "Pneumonitis due to food and vomit", "誤嚥性肺炎"),
    code(ICD_10, "I50.9", "Heart failure, unspecified", "心不全"),
    code(ICD_10, "N39.0", "Urinary tract infection, site not specified", "尿路感染症"),
    code(ICD_10, "E86", "Volume depletion", "脱水症"),
    code(ICD_10, "L89.9", "Decubitus ulcer and pressure area, unspecified", "褥瘡"),
    code(ICD_10, "J44.1", "Chronic obstructive pulmonary disease with acute exacerbation, unspecified", "COPD増悪"),
    code(ICD_10, "C80.9", "Malignant neoplasm, primary site unspecified", "悪性腫瘍"),
];
