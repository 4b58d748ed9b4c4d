//! Findings in words: what is wrong, what was found, what is expected, in Japanese and English, with the rule
//! `profile|element|constraint`. Values are never repeated but for codes; texts appear as their length.

use std::cmp::Ordering;

use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

use super::LoadError;
use super::constraint::{Constraint, Level};
use super::registry::R4_DEFINITIONS;
use super::shape::{Element, Shape, Structure};

/// `profile|element|constraint`.
pub fn rule(structure: &Structure, path: &str, key: &str) -> String {
    let prefix = if structure.is_profile { "" } else { R4_DEFINITIONS };
    format!("{prefix}{}|{path}|{key}", structure.name)
}

pub fn error(code: IssueCode, ja: String, en: String) -> Issue {
    Issue::error(code, ja, en)
}

pub fn no_object() -> Issue {
    let ja = "リソースは JSON のオブジェクト { … } で書きます。";
    error(IssueCode::Structure, ja.into(), "A resource is written as a JSON object { … }.".into())
}

pub fn resource_type_form() -> Issue {
    let ja = "resourceType はリソース型の名前を文字列で書きます。";
    error(IssueCode::Structure, ja.into(), "resourceType must be a string, the name of a resource type.".into())
}

pub fn no_resource_type() -> Issue {
    error(IssueCode::Structure, "resourceType がありません。".into(), "resourceType is missing.".into())
}

pub fn unknown_type(name: &str) -> Issue {
    let shown = if name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) { name } else { "" };
    error(
        IssueCode::Structure,
        format!("R4 にリソース型 {shown} はありません。"),
        format!("R4 has no resource type {shown}."),
    )
}

pub fn too_deep() -> Issue {
    error(IssueCode::Structure, "リソースの入れ子が深すぎます。".into(), "Resources are nested too deeply.".into())
}

/// `left_out`: why a package's profile of this address could not be compiled.
pub fn unknown_profile(refuse: bool, left_out: Option<&LoadError>) -> Issue {
    let severity = if refuse { Severity::Error } else { Severity::Warning };
    let (ja, en) = match left_out {
        Some(LoadError { file, element, reason }) => (
            format!(
                "このプロファイルはパッケージから読み込めなかったため、検証していません({file} {element}: {reason})。"
            ),
            format!("This profile could not be loaded, so it has not been checked ({file} {element}: {reason})."),
        ),
        None => (
            "宣言されたプロファイルは読み込まれていないため、検証していません。".to_owned(),
            "The declared profile is not loaded, so it has not been checked.".to_owned(),
        ),
    };
    Issue::new(severity, IssueCode::NotFound, ja, en)
}

pub fn other_version(at_hand: &str) -> Issue {
    Issue::new(
        Severity::Warning,
        IssueCode::NotFound,
        format!("宣言された版のプロファイルは読み込まれていないため、版 {at_hand} で検証しました。"),
        format!("The declared version of the profile is not loaded; version {at_hand} has been checked instead."),
    )
}

pub fn profile_of_other_type(canonical: &str, type_name: &str) -> Issue {
    error(
        IssueCode::Invalid,
        format!("このプロファイルは {type_name} のものです。"),
        format!("This profile is for {type_name}."),
    )
    .rule(format!("{canonical}|{type_name}|type"))
}

pub fn no_rule() -> Issue {
    error(
        IssueCode::BusinessRule,
        "この地域のどのプロファイルにも当たりません(設定により受け付けません)。".into(),
        "No profile of this region applies, and the settings refuse such resources.".into(),
    )
}

pub fn not_fixed(structure: &Structure, element: &Element, key: &str, expected: &Json) -> Issue {
    let shown = crate::fhir::json::to_compact(expected);
    let (ja, en) = if key == "fixed" { ("と一致する", "be exactly") } else { ("を含む", "contain") };
    error(
        IssueCode::Value,
        format!("値は {shown} {ja}ものでなければなりません。"),
        format!("The value must {en} {shown}."),
    )
    .rule(rule(structure, &element.path, key))
}

pub fn too_long(structure: &Structure, element: &Element, limit: usize, found: usize) -> Issue {
    error(
        IssueCode::TooLong,
        format!("{limit}文字までです({found}文字)。"),
        format!("At most {limit} characters; {found} found."),
    )
    .rule(rule(structure, &element.path, "maxLength"))
}

pub fn out_of_bounds(structure: &Structure, element: &Element) -> Issue {
    error(IssueCode::Value, "値が許された範囲にありません。".into(), "The value is outside the allowed range.".into())
        .rule(rule(structure, &element.path, "range"))
}

pub fn broken(structure: &Structure, path: &str, constraint: &Constraint) -> Issue {
    let severity = if constraint.level == Level::Error { Severity::Error } else { Severity::Warning };
    let (key, text) = (&constraint.key, &constraint.text);
    let ja = if constraint.ja.is_empty() {
        format!("不変条件 {key} が成り立ちません: {text}")
    } else {
        format!("{} ({key})", constraint.ja)
    };
    let en = if constraint.en.is_empty() {
        format!("The invariant {key} does not hold: {text}")
    } else {
        format!("{} ({key})", constraint.en)
    };
    Issue::new(severity, IssueCode::Invariant, ja, en).rule(rule(structure, path, key))
}

pub fn undecided(structure: &Structure, path: &str, constraint: &Constraint) -> Issue {
    let key = &constraint.key;
    Issue::warning(
        IssueCode::Processing,
        format!("不変条件 {key} は判定できませんでした。"),
        format!("The invariant {key} could not be decided."),
    )
    .rule(rule(structure, path, key))
}

pub fn wrong_resource_type(structure: &Structure, element: &Element, found: &str) -> Issue {
    let expected = element.types.iter().map(|spec| spec.code.as_str()).collect::<Vec<_>>().join(" | ");
    error(
        IssueCode::Structure,
        format!("リソース型は {expected} でなければなりません({found} でした)。"),
        format!("The resource must be of type {expected}; found {found}."),
    )
    .rule(rule(structure, &element.path, "type"))
}

pub fn extension_content(both: bool) -> Issue {
    let (ja, en) = if both {
        ("拡張は値と下位の拡張の両方をもてません。", "An extension must not have both a value and extensions.")
    } else {
        ("拡張には値か下位の拡張が必要です。", "An extension needs a value or extensions.")
    };
    Issue::error(IssueCode::Invariant, ja, en).rule(format!("{R4_DEFINITIONS}Extension|Extension|ext-1"))
}

pub fn unknown_part(extension: &Structure) -> Issue {
    Issue::error(
        IssueCode::Extension,
        "この拡張に、この名前の部分はありません。",
        "The extension around it has no part of this name.",
    )
    .rule(rule(extension, "Extension.extension", "url"))
}

pub fn relative_extension() -> Issue {
    Issue::error(
        IssueCode::Extension,
        "拡張の url は絶対 URI でなければなりません。",
        "An extension's url must be absolute.",
    )
    .rule(format!("{R4_DEFINITIONS}Extension|Extension.url|type"))
}

pub fn unknown_extension(url: &str, modifier: bool, refuse: bool) -> Issue {
    let severity = if refuse { Severity::Error } else { Severity::Warning };
    let shown = if url.len() <= 200 && url.is_ascii() { url } else { "" };
    let (ja, en) = if modifier { ("修飾拡張", "modifier extension") } else { ("拡張", "extension") };
    Issue::new(
        severity,
        IssueCode::Extension,
        format!("{ja} {shown} の定義は読み込まれていません。"),
        format!("The definition of the {en} {shown} is not loaded."),
    )
}

pub fn dangling_fragment() -> Issue {
    Issue::error(IssueCode::NotFound, "参照先の内包リソースがありません。", "No contained resource has this id.")
        .rule(format!("{R4_DEFINITIONS}Reference|Reference|ref-1"))
}

pub fn reference_form() -> Issue {
    Issue::error(
        IssueCode::Value,
        "参照は 型/id、絶対 URL、urn:uuid:… または #id の形で書きます。",
        "Write a reference as Type/id, an absolute URL, urn:uuid:… or #id.",
    )
    .rule(format!("{R4_DEFINITIONS}Reference|Reference.reference|form"))
}

/// A relative reference names a type that is none: a slip of the pen, as a rule.
pub fn reference_to_no_type(name: &str) -> Issue {
    let shown = if name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) { name } else { "" };
    Issue::new(
        Severity::Warning,
        IssueCode::Value,
        format!("参照先の型 {shown} は R4 のリソース型ではありません。"),
        format!("The reference names {shown}, which is no resource type of R4."),
    )
    .rule(format!("{R4_DEFINITIONS}Reference|Reference.reference|type"))
}

pub fn empty_reference() -> Issue {
    Issue::new(
        Severity::Warning,
        IssueCode::Required,
        "参照には reference、identifier、display のどれかが必要です。",
        "A reference needs one of reference, identifier and display.",
    )
    .rule(format!("{R4_DEFINITIONS}Reference|Reference|content"))
}

pub fn no_such_entry() -> Issue {
    Issue::new(
        Severity::Warning,
        IssueCode::NotFound,
        "この Bundle に、この fullUrl をもつエントリがありません。",
        "No entry of this Bundle has this fullUrl.",
    )
    .rule(format!("{R4_DEFINITIONS}Reference|Reference.reference|resolve"))
}

pub fn wrong_target(structure: &Structure, element: &Element, found: &str, allowed: &[String]) -> Issue {
    let allowed = allowed.join(", ");
    error(
        IssueCode::Structure,
        format!("参照先の型 {found} は使えません。使える型: {allowed}。"),
        format!("A reference to {found} is not allowed here. Allowed: {allowed}."),
    )
    .rule(rule(structure, &element.path, "target"))
}

/// The target of a reference is at hand and breaks the profile that it must satisfy.
pub fn target_breaks_profile(structure: &Structure, element: &Element, profile: &str, first: &Issue) -> Issue {
    let place = first.expression.as_deref().unwrap_or_default();
    let reason = first.rule.as_deref().unwrap_or_default();
    error(
        IssueCode::Structure,
        format!("参照先のリソースがプロファイル {profile} を満たしません: {place}: {} [{reason}]", first.ja),
        format!("The resource referred to does not satisfy the profile {profile}: {place}: {} [{reason}]", first.en),
    )
    .rule(rule(structure, &element.path, "targetProfile"))
}

/// An element that systems must support is absent: no fault, told where it is asked for.
pub fn unsupported(structure: &Structure, path: &str) -> Issue {
    Issue::new(
        Severity::Information,
        IssueCode::Informational,
        format!("mustSupport の要素 {path} がありません。"),
        format!("The element {path}, marked mustSupport, is absent."),
    )
    .rule(rule(structure, path, "mustSupport"))
}

pub fn no_profile_holds(structure: &Structure, element: &Element, profiles: &[String]) -> Issue {
    let names = profiles.join(", ");
    error(
        IssueCode::Structure,
        format!("次のどのプロファイルも満たしません: {names}。"),
        format!("None of these profiles is satisfied: {names}."),
    )
    .rule(rule(structure, &element.path, "profile"))
}

pub fn extension_context(extension: &Structure) -> Issue {
    let places: Vec<&str> = extension.contexts.iter().map(|context| context.expression.as_str()).collect();
    let places = places.join(", ");
    Issue::error(
        IssueCode::Extension,
        format!("この拡張は、ここには置けません。置ける場所: {places}。"),
        format!("This extension must not stand here. It may stand on: {places}."),
    )
    .rule(rule(extension, "Extension", "context"))
}

pub fn identifier_not_uri() -> Issue {
    Issue::error(
        IssueCode::Value,
        "system が urn:ietf:rfc:3986 のとき、value は URI でなければなりません。",
        "Where the system is urn:ietf:rfc:3986, the value must be a URI.",
    )
    .rule(format!("{R4_DEFINITIONS}Identifier|Identifier.value|uri"))
}

pub fn relative_system(type_name: &str) -> Issue {
    Issue::error(IssueCode::Value, "system は絶対 URI でなければなりません。", "A system must be an absolute URI.")
        .rule(format!("{R4_DEFINITIONS}{type_name}|{type_name}.system|absolute"))
}

pub fn dangling_link() -> Issue {
    narrative(
        "links",
        "「#…」の先が、この文章にもリソースにもありません。",
        "A link that begins with # leads nowhere, neither in the narrative nor in the resource.",
    )
}

pub fn no_schema(structure: &Structure, shape: &Shape) -> Issue {
    error(
        IssueCode::Exception,
        "定義を検証規則に変換できないため、検証できません。".into(),
        "The definition cannot be turned into rules, so this cannot be validated.".into(),
    )
    .rule(rule(structure, &shape.path, "schema"))
}

pub fn no_content(structure: &Structure, path: &str) -> Issue {
    error(IssueCode::Invariant, "値も拡張もありません。".into(), "There is neither a value nor an extension.".into())
        .rule(rule(structure, path, "ele-1"))
}

pub fn type_mismatch() -> Issue {
    Issue::error(
        IssueCode::Value,
        "Reference.type と参照の型が違います。",
        "Reference.type differs from the type that the reference names.",
    )
    .rule(format!("{R4_DEFINITIONS}Reference|Reference.type|type"))
}

pub fn duplicate_element_id() -> Issue {
    Issue::error(
        IssueCode::Duplicate,
        "リソースの中に同じ id の要素があります。",
        "Another element of the resource has this id.",
    )
    .rule(format!("{R4_DEFINITIONS}Element|Element.id|unique"))
}

pub fn duplicate_contained() -> Issue {
    Issue::error(IssueCode::Duplicate, "同じ id の内包リソースがあります。", "Another contained resource has this id.")
        .rule(format!("{R4_DEFINITIONS}DomainResource|DomainResource.contained|id"))
}

pub fn period_reversed() -> Issue {
    Issue::error(IssueCode::Invariant, "期間の開始が終了より後です。", "The period starts after its end.")
        .rule(format!("{R4_DEFINITIONS}Period|Period|per-1"))
}

pub fn contained_without_id() -> Issue {
    Issue::error(IssueCode::Required, "内包リソースには id が必要です。", "A contained resource needs an id.")
        .rule(format!("{R4_DEFINITIONS}DomainResource|DomainResource.contained|id"))
}

pub fn dom(key: &str) -> Issue {
    let (ja, en) = match key {
        "dom-2" => ("内包リソースの中にさらに内包はできません。", "A contained resource must not contain resources."),
        "dom-3" => ("どこからも参照されない内包リソースです。", "Nothing refers to this contained resource."),
        "dom-4" => (
            "内包リソースに versionId と lastUpdated は置けません。",
            "A contained resource has no versionId or lastUpdated.",
        ),
        _ => ("内包リソースにセキュリティラベルは置けません。", "A contained resource has no security labels."),
    };
    Issue::error(IssueCode::Invariant, ja, en).rule(format!("{R4_DEFINITIONS}DomainResource|DomainResource|{key}"))
}

pub fn narrative(key: &str, ja: &str, en: &str) -> Issue {
    Issue::error(IssueCode::Invariant, ja, en).rule(format!("{R4_DEFINITIONS}Narrative|Narrative.div|{key}"))
}

/// Whether `start` is surely after `end`: compared as far as both go, times by their instant.
pub fn after(start: &str, end: &str) -> bool {
    if let (Some(start), Some(end)) = (instant(start), instant(end)) {
        return start > end;
    }
    let common = start.len().min(end.len()).min(10);
    matches!((start.get(..common), end.get(..common)), (Some(start), Some(end)) if start.cmp(end) == Ordering::Greater)
}

fn instant(text: &str) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    chrono::DateTime::parse_from_rfc3339(text).ok()
}
