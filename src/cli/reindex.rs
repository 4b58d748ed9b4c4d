//! `kakehashi reindex`.

use std::process::ExitCode;

use crate::exchange;
use crate::store::Stage;

use super::{Common, failed, load_definitions, open_migrated, progress};

pub async fn run(common: &Common) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    let definitions = load_definitions(&config)?;
    let database = open_migrated(&config).await?;
    let bar = progress(0, "resources");
    let tell = |stage, done, total| {
        if stage == Stage::Events && bar.message() != "versions of beds" {
            bar.reset();
            bar.set_message("versions of beds");
        }
        bar.set_length(total);
        bar.set_position(done);
    };
    let counted = exchange::reindex(&definitions, &database, &config.board_policy, &tell)
        .await
        .map_err(|error| failed(&error))?;
    bar.finish_and_clear();
    println!("{counted} resources indexed anew; every search parameter can be used.");
    Ok(ExitCode::SUCCESS)
}
