//! `kakehashi profiles`: what is loaded, as JSON Schema, as a package.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::definitions;
use crate::profile::Definitions;

use super::{Common, failed, load_definitions};

#[derive(Args)]
pub struct ProfilesArgs {
    #[command(subcommand)]
    command: Profiles,
}

#[derive(Subcommand)]
enum Profiles {
    /// Each profile and extension: address, type, file and state, apart by tabs
    List,
    /// A profile or base type as JSON Schema (2020-12), for any validator; what it cannot check stands in its $comment
    Schema {
        /// Canonical address, the last part of one (kh-bed), or a base type (Location)
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Write the folder as a FHIR package (.tgz), with its valid examples; the same folder makes the same bytes
    Pack {
        /// Where to write [default: NAME-VERSION.tgz of the manifest, in this folder; `-`: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub fn run(common: &Common, args: ProfilesArgs) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    match args.command {
        Profiles::List => {
            let definitions = load_definitions(&config)?;
            let lines = definitions.profiles().into_iter().map(|profile| {
                let state = match profile.left_out {
                    None => "loaded".to_owned(),
                    Some(problem) => format!("left out: {}: {}", problem.element, problem.reason),
                };
                format!("{}\t{}\t{}\t{state}\n", profile.canonical, profile.type_name, profile.file)
            });
            print(lines.collect::<String>().as_bytes())
        }
        Profiles::Schema { name } => {
            let definitions = load_definitions(&config)?;
            let address = resolved(&definitions, &name)?;
            let Some(schema) = definitions.json_schema(&address) else {
                return Err(failed(&format!(
                    "no profile or type {name} is loaded; `kakehashi profiles list` has them"
                )));
            };
            print(format!("{schema:#}\n").as_bytes())
        }
        Profiles::Pack { out } => {
            let Some(folder) = definitions::folder(config.profiles.as_deref()) else {
                return Err(failed(&"there is no folder of definitions to pack; name one by --profiles"));
            };
            let packed = definitions::pack(&folder).map_err(|error| failed(&error))?;
            let out = out.unwrap_or_else(|| PathBuf::from(&packed.file_name));
            if out.as_os_str() == "-" {
                return print(&packed.bytes);
            }
            std::fs::write(&out, &packed.bytes).map_err(|error| failed(&format!("{}: {error}", out.display())))?;
            print(format!("{}\n", out.display()).as_bytes())
        }
    }
}

/// The one loaded address that ends in `/NAME`; else the name itself.
fn resolved(definitions: &Definitions, name: &str) -> Result<String, ExitCode> {
    let loaded = definitions.profiles().into_iter().filter(|profile| profile.left_out.is_none());
    let ends = |canonical: &str| canonical.strip_suffix(name).is_some_and(|before| before.ends_with('/'));
    let found: Vec<String> =
        loaded.map(|profile| profile.canonical.to_owned()).filter(|canonical| ends(canonical)).collect();
    match found.as_slice() {
        [] => Ok(name.to_owned()),
        [one] => Ok(one.clone()),
        several => Err(failed(&format!("{name} may be any of: {}", several.join(", ")))),
    }
}

fn print(bytes: &[u8]) -> Result<ExitCode, ExitCode> {
    std::io::stdout().write_all(bytes).map_err(|error| failed(&error))?;
    Ok(ExitCode::SUCCESS)
}
