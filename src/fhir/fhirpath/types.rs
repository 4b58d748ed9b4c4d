//! The names of R4 types and how they derive from each other. R4 `datatypes.html`, `resourcelist.html`.

use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const PRIMITIVES: [&str; 20] = [
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
    "xhtml",
];

const DATA_TYPES: [&str; 44] = [
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "BackboneElement",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Distance",
    "Dosage",
    "Duration",
    "Element",
    "ElementDefinition",
    "Expression",
    "Extension",
    "HumanName",
    "Identifier",
    "MarketingStatus",
    "Meta",
    "Money",
    "MoneyQuantity",
    "Narrative",
    "ParameterDefinition",
    "Period",
    "Population",
    "ProdCharacteristic",
    "ProductShelfLife",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "SimpleQuantity",
    "SubstanceAmount",
    "Timing",
    "TriggerDefinition",
    "UsageContext",
    "xhtml",
];

const SYSTEM_TYPES: [&str; 8] = ["Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"];

/// Every concrete R4 resource type, and the two abstract ones.
pub(super) const RESOURCES: &str = " Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment \
AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement \
CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem \
Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage \
CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric \
DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference DomainResource \
EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition \
Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group \
GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation \
ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure MeasureReport Media Medication \
MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement \
MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication \
MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged \
MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence \
NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition OperationOutcome Organization \
OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner \
PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup \
ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject Resource RiskAssessment \
RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition \
StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein \
SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest Task \
TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription ";

/// A type as an expression names it: `Quantity`, `FHIR.Quantity`, `System.Quantity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeName {
    pub namespace: Option<Namespace>,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    Fhir,
    System,
}

impl TypeName {
    /// `None` for a name that neither R4 nor FHIRPath knows.
    pub fn parse(namespace: Option<&str>, name: &str) -> Option<TypeName> {
        let is_system = SYSTEM_TYPES.contains(&name);
        let is_fhir = is_primitive(name) || is_data_type(name) || is_resource(name);
        let namespace = match namespace {
            Some("System") => Some(Namespace::System),
            Some("FHIR") if is_fhir => Some(Namespace::Fhir),
            None if is_fhir || is_system => None,
            _ => return None,
        };
        Some(TypeName { namespace, name: name.to_owned() })
    }
}

pub(super) fn is_primitive(name: &str) -> bool {
    PRIMITIVES.contains(&name)
}

pub(super) fn is_data_type(name: &str) -> bool {
    DATA_TYPES.contains(&name)
}

pub(super) fn is_resource(name: &str) -> bool {
    !name.is_empty() && RESOURCES.split(' ').any(|known| known == name)
}

/// The type that the key of a choice element ends with: `Quantity` of `valueQuantity`, `string` of `valueString`.
pub(crate) fn choice_type(suffix: &str) -> Option<&'static str> {
    static SUFFIXES: LazyLock<HashMap<String, &'static str, ahash::RandomState>> = LazyLock::new(|| {
        let capital = |name: &'static str| (name[..1].to_ascii_uppercase() + &name[1..], name);
        // A data type's own name comes last, and wins.
        PRIMITIVES.into_iter().map(capital).chain(DATA_TYPES.into_iter().map(|name| (name.to_owned(), name))).collect()
    });
    SUFFIXES.get(suffix).copied()
}

/// The type that `name` directly specialises.
pub(super) fn base_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "code" | "id" | "markdown" => "string",
        "url" | "canonical" | "uuid" | "oid" => "uri",
        "positiveInt" | "unsignedInt" => "integer",
        "Age" | "Distance" | "Duration" | "Count" | "MoneyQuantity" | "SimpleQuantity" => "Quantity",
        "Dosage" | "ElementDefinition" | "Timing" | "MarketingStatus" | "Population" | "ProdCharacteristic"
        | "ProductShelfLife" | "SubstanceAmount" => "BackboneElement",
        "Binary" | "Bundle" | "Parameters" | "DomainResource" => "Resource",
        "Element" | "Resource" => return None,
        _ if is_resource(name) => "DomainResource",
        // A dot means the path of an anonymous element, such as `Patient.contact`.
        _ if name.contains('.') => "BackboneElement",
        _ => "Element",
    })
}

/// Whether `name` is `ancestor` or specialises it, however far.
pub(super) fn derives(name: &str, ancestor: &str) -> bool {
    name == ancestor || base_type(name).is_some_and(|base| derives(base, ancestor))
}
