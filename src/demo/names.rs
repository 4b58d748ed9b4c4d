//! Invented people: kanji and kana, marked as JP Core marks them (IDE ideographic, SYL syllabic).

use super::build::{list, object};
use super::dice::Dice;
use crate::fhir::json::{Json, Object};

const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

const FAMILIES: [(&str, &str); 32] = [
    ("青空", "アオゾラ"),
    ("赤松", "アカマツ"),
    ("朝日向", "アサヒナ"),
    ("雨宮", "アメミヤ"),
    ("泉谷", "イズミタニ"),
    ("岩清水", "イワシミズ"),
    ("梅ヶ枝", "ウメガエ"),
    ("大空", "オオゾラ"),
    ("風間", "カザマ"),
    ("霞", "カスミ"),
    ("架橋", "カケハシ"),
    ("木漏日", "コモレビ"),
    ("桜塚", "サクラヅカ"),
    ("五月野", "サツキノ"),
    ("里山", "サトヤマ"),
    ("白雲", "シラクモ"),
    ("涼風", "スズカゼ"),
    ("千里", "センリ"),
    ("空野", "ソラノ"),
    ("竹林", "タケバヤシ"),
    ("月岡", "ツキオカ"),
    ("豊野", "トヨノ"),
    ("夏目", "ナツメ"),
    ("虹川", "ニジカワ"),
    ("野々花", "ノノハナ"),
    ("花園", "ハナゾノ"),
    ("春日野", "カスガノ"),
    ("藤棚", "フジダナ"),
    ("星合", "ホシアイ"),
    ("緑川", "ミドリカワ"),
    ("山吹", "ヤマブキ"),
    ("夕凪", "ユウナギ"),
];

const WOMEN: [(&str, &str); 24] = [
    ("明子", "アキコ"),
    ("綾", "アヤ"),
    ("和泉", "イズミ"),
    ("梅", "ウメ"),
    ("栄子", "エイコ"),
    ("香", "カオリ"),
    ("和子", "カズコ"),
    ("菊枝", "キクエ"),
    ("小春", "コハル"),
    ("幸子", "サチコ"),
    ("静江", "シズエ"),
    ("澄子", "スミコ"),
    ("節子", "セツコ"),
    ("千代", "チヨ"),
    ("照子", "テルコ"),
    ("直美", "ナオミ"),
    ("初音", "ハツネ"),
    ("春代", "ハルヨ"),
    ("久子", "ヒサコ"),
    ("文子", "フミコ"),
    ("真弓", "マユミ"),
    ("美代", "ミヨ"),
    ("百合子", "ユリコ"),
    ("芳江", "ヨシエ"),
];

const MEN: [(&str, &str); 24] = [
    ("明", "アキラ"),
    ("勇", "イサム"),
    ("一郎", "イチロウ"),
    ("修", "オサム"),
    ("勝", "マサル"),
    ("清", "キヨシ"),
    ("健一", "ケンイチ"),
    ("浩二", "コウジ"),
    ("三郎", "サブロウ"),
    ("茂", "シゲル"),
    ("正一", "ショウイチ"),
    ("進", "ススム"),
    ("孝", "タカシ"),
    ("武", "タケシ"),
    ("哲也", "テツヤ"),
    ("徹", "トオル"),
    ("昇", "ノボル"),
    ("肇", "ハジメ"),
    ("博", "ヒロシ"),
    ("文雄", "フミオ"),
    ("誠", "マコト"),
    ("実", "ミノル"),
    ("豊", "ユタカ"),
    ("義男", "ヨシオ"),
];

/// `Patient.gender` and `Practitioner.gender`, as far as the demo uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    Female,
    Male,
}

impl Gender {
    pub fn code(self) -> &'static str {
        match self {
            Gender::Female => "female",
            Gender::Male => "male",
        }
    }
}

/// A name in both scripts.
pub struct Name {
    family: (&'static str, &'static str),
    given: (&'static str, &'static str),
}

impl Name {
    pub fn draw(dice: &mut Dice, gender: Gender) -> Self {
        let given = match gender {
            Gender::Female => &WOMEN,
            Gender::Male => &MEN,
        };
        Name { family: *dice.pick(&FAMILIES), given: *dice.pick(given) }
    }

    /// The name in kanji.
    pub fn text(&self) -> String {
        format!("{} {}", self.family.0, self.given.0)
    }

    pub fn family(&self) -> &'static str {
        self.family.0
    }

    /// `HumanName` twice: kanji, then kana.
    pub fn to_json(&self) -> Json {
        list![written("IDE", self.family.0, self.given.0), written("SYL", self.family.1, self.given.1)]
    }
}

fn written(script: &str, family: &str, given: &str) -> Object {
    object! {
        "extension" => list![object! { "url" => REPRESENTATION, "valueCode" => script }],
        "use" => "official",
        "text" => format!("{family} {given}"),
        "family" => family,
        "given" => list![given],
    }
}
