//! A region adds a profile of its own as `fhir-profiles/README.md` tells it: the files of the worked example are taken
//! from the page as they stand there, put into a copy of the folder, and its commands are run.

use std::path::Path;

use kakehashi::definitions::load;
use kakehashi::exchange::check_text;
use kakehashi::fhir::outcome::Issue;
use kakehashi::profile::{Definitions, Settings};

use crate::app::definitions;
use crate::program::{kakehashi, text};

/// A code block of the worked example: what it is, and the words before it (`path`, then where in the file).
struct Block {
    language: String,
    before: String,
    code: String,
}

/// The code blocks of the section about a region's own profile.
fn blocks() -> Vec<Block> {
    let page = std::fs::read_to_string("fhir-profiles/README.md").unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("A region's own profile")).unwrap();
    let parts: Vec<&str> = section.split("```").collect();
    let block = |pair: &[&str]| {
        let (language, code) = pair[1].split_once('\n').unwrap();
        let before = pair[0].trim().rsplit("\n\n").next().unwrap();
        Block { language: language.to_owned(), before: before.to_owned(), code: code.to_owned() }
    };
    parts.chunks_exact(2).map(block).collect()
}

/// The path that a block's introduction begins with.
fn path(block: &Block) -> &str {
    block.before.strip_prefix('`').and_then(|rest| rest.split('`').next()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

/// Steps 1 to 5: every file as the page has it.
fn follow(blocks: &[Block], folder: &Path) {
    for block in blocks.iter().filter(|block| block.language != "sh") {
        let target = folder.join(path(block));
        let old = std::fs::read_to_string(&target).unwrap_or_default();
        let new = match block.before.rsplit_once(", ").map_or("", |(_, place)| place) {
            "before the first rule:" => {
                let at = old.find("[[rule]]").unwrap();
                // The rule's own comment goes with it.
                let at = old[..at].rfind("\n\n").unwrap() + 2;
                format!("{}{}\n{}", &old[..at], block.code, &old[at..])
            }
            "at its end:" => format!("{old}\n{}", block.code),
            _ => {
                assert!(old.is_empty(), "{} is new", target.display());
                block.code.clone()
            }
        };
        std::fs::write(target, new).unwrap();
    }
}

fn check(definitions: &Definitions, file: &Path) -> Vec<Issue> {
    check_text(definitions, &std::fs::read(file).unwrap(), 64)
}

#[test]
fn the_page_is_followed_step_by_step() {
    let (blocks, place) = (blocks(), tempfile::tempdir().unwrap());
    let folder = place.path().join("fhir-profiles");
    copy(Path::new("fhir-profiles"), &folder);
    follow(&blocks, &folder);
    let (own, source) = load(Some(&folder), Settings::default()).unwrap();
    assert_eq!(source, folder.display().to_string());

    let named = |part: &str| blocks.iter().map(path).find(|path| path.contains(part)).unwrap().to_owned();
    let valid = named("examples/city-bed--");
    assert_eq!(check(&own, &folder.join(&valid)).iter().filter(|issue| issue.is_error()).count(), 0);
    let undeclared = std::fs::read_to_string(folder.join(named("no-room-type"))).unwrap();
    let mut undeclared: serde_json::Value = serde_json::from_str(&undeclared).unwrap();
    undeclared.as_object_mut().unwrap().remove("meta");
    let found = check_text(&own, undeclared.to_string().as_bytes(), 64);
    let missing = "https://city.example/fhir/StructureDefinition/city-bed|Location.extension:room-type|min";
    assert_eq!(rules(&found), [missing], "the rule of step 4 selects the profile");
    assert_eq!(
        rules(&check_text(&definitions(), undeclared.to_string().as_bytes(), 64)),
        [""; 0],
        "which is the city's alone"
    );

    run_commands(&blocks, place.path());
}

fn rules(issues: &[Issue]) -> Vec<&str> {
    issues.iter().filter(|issue| issue.is_error()).map(|issue| issue.rule.as_deref().unwrap_or_default()).collect()
}

/// Step 6: the commands, from where the folder lies. The first succeeds; the others name their rules, the last in the
/// profile's own Japanese words.
fn run_commands(blocks: &[Block], place: &Path) {
    let commands = blocks.iter().find(|block| block.language == "sh").unwrap();
    let run = |line: &str| {
        let words: Vec<&str> = line.strip_prefix("kakehashi ").unwrap().split(' ').collect();
        let output = kakehashi(&words).current_dir(place).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout))
    };
    let answers: Vec<(i32, String)> = commands.code.lines().map(run).collect();
    let [(0, right), (1, missing), (1, broken)] = &answers[..] else { panic!("{answers:?}") };
    assert!(right.contains(": valid"), "{right}");
    assert!(missing.contains("city-bed|Location.extension:room-type|min"), "{missing}");
    assert!(broken.contains("city-bed|Location|city-bed-1") && broken.contains("個室"), "{broken}");
}

/// What is not of the city is judged as before: every example, valid or not, has the same findings.
#[test]
fn the_rest_stays_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    copy(Path::new("fhir-profiles"), place.path());
    follow(&blocks(), place.path());
    let (own, _) = load(Some(place.path()), Settings::default()).unwrap();
    let mut compared = 0;
    for folder in ["examples", "examples/invalid"] {
        for entry in std::fs::read_dir(Path::new("fhir-profiles").join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "json") {
                assert_eq!(check(&own, &file), check(&definitions(), &file), "{}", file.display());
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared} examples");
}
