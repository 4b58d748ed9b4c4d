//! What the kit's metadata asks of each type. The file is YAML of one make (blocks alone, fixed depths), so its lines are
//! read by their depth and no YAML reader is needed.

use std::collections::BTreeMap;

/// What is asked of one profile's type.
#[derive(Debug, Default)]
pub struct Group {
    pub resource: String,
    /// The parameters of each search.
    pub searches: Vec<Vec<String>>,
    pub parameters: BTreeMap<String, Parameter>,
    /// `Type:parameter`.
    pub includes: Vec<String>,
    pub revincludes: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Parameter {
    /// FHIRPath, mostly plain paths.
    pub paths: Vec<String>,
    /// The type of what it looks at.
    pub kind: String,
    pub target: String,
    pub comparators: Vec<String>,
    /// Parameters of the target by which it may be chained.
    pub chains: Vec<String>,
}

impl Parameter {
    /// Plan-Net's own parameters look at extensions of its own.
    pub fn is_own(&self) -> bool {
        self.paths.iter().any(|path| path.contains("extension"))
    }
}

/// Where the reader is: the section of the group, and the key within it.
#[derive(Default)]
struct Place {
    section: String,
    parameter: String,
    key: String,
}

pub fn read(text: &str) -> Vec<Group> {
    let (mut groups, mut place) = (Vec::<Group>::new(), Place::default());
    for line in text.lines() {
        let content = line.trim_start();
        let depth = line.len() - content.len();
        if depth == 0 && content.starts_with("- :name: ") {
            groups.push(Group::default());
            place = Place::default();
        }
        if let Some(group) = groups.last_mut() {
            take(group, &mut place, depth, content);
        }
    }
    groups
}

fn take(group: &mut Group, place: &mut Place, depth: usize, content: &str) {
    let key = content.strip_prefix(':').and_then(|rest| rest.split_once(':'));
    let item = content.strip_prefix("- ");
    match (depth, key, item) {
        (2, Some((section, value)), _) => {
            place.section = section.to_owned();
            if section == "resource" {
                group.resource = value.trim().to_owned();
            }
        }
        (2, None, Some(":names:")) => {
            place.key = "names".to_owned();
            group.searches.push(Vec::new());
        }
        (2, None, Some(item)) if place.section == "include_params" => group.includes.push(item.to_owned()),
        (2, None, Some(item)) if place.section == "revincludes" => group.revincludes.push(item.to_owned()),
        (4, Some((key, _)), _) if place.section == "searches" => place.key = key.to_owned(),
        (4, None, Some(name)) if place.section == "searches" && place.key == "names" => {
            if let Some(search) = group.searches.last_mut() {
                search.push(name.to_owned());
            }
        }
        (4, Some((parameter, _)), _) if place.section == "search_definitions" => {
            place.parameter = parameter.to_owned();
            group.parameters.insert(parameter.to_owned(), Parameter::default());
        }
        (6.., _, _) if place.section == "search_definitions" => {
            if let Some(parameter) = group.parameters.get_mut(&place.parameter) {
                take_of_parameter(parameter, place, depth, key, item);
            }
        }
        _ => {}
    }
}

fn take_of_parameter(
    parameter: &mut Parameter,
    place: &mut Place,
    depth: usize,
    key: Option<(&str, &str)>,
    item: Option<&str>,
) {
    match (depth, key, item) {
        (6, Some((key, value)), _) => {
            place.key = key.to_owned();
            match key {
                "type" => parameter.kind = value.trim().to_owned(),
                "target" => parameter.target = value.trim().to_owned(),
                _ => {}
            }
        }
        (6, None, Some(path)) if place.key == "full_paths" => parameter.paths.push(path.to_owned()),
        (6, None, Some(chain)) if place.key == "chain" => {
            parameter.chains.extend(chain.strip_prefix(":chain: ").map(str::to_owned));
        }
        (8, Some((comparator, _)), _) if place.key == "comparators" => {
            parameter.comparators.push(comparator.to_owned())
        }
        _ => {}
    }
}
