//! `report merge`: the shards of a run made one, and judged.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use mqscope_load::parts::{self, Finish, Piece, Record};
use mqscope_report::{Seconds, Series, Summary, write::Folder};

use crate::{
    args::{Color, MergeReport, ScenarioArgs},
    commands::run::{self, RECORD, SECONDS},
    exit::{Failure, OrExit as _, Outcome},
    scenario,
};

/// How often is looked for shards that have not finished.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn merge(args: &MergeReport, color: Color) -> Outcome {
    let demands = match &args.scenario {
        Some(file) => {
            let (vars, env) = (args.vars.clone(), args.env.clone());
            let of = ScenarioArgs { scenario: file.clone(), broker: None, vars, env, seed: None };
            let plan = scenario::load(&of, None, color)?;
            Some((plan.thresholds, plan.validity))
        }
        None => None,
    };
    let out = Folder::create(&args.out).map_err(Failure::io)?;
    let folders = wait_for(args)?;
    let finish = Finish { clock_error: args.clock_error, demands, gone: Vec::new() };
    let (summary, series) = merge_folders(&folders, &finish)?;
    super::tell(&summary, &out, (!args.quiet).then_some(color), |out| {
        out.write(&summary, Some(&series)).map_err(Failure::io)
    })?;
    Ok(run::exit(summary.outcome))
}

/// Merges the shards whose reports are in these folders, each one's own.
pub(in crate::commands) fn merge_folders(
    folders: &[PathBuf],
    finish: &Finish,
) -> Result<(Summary, Series), Failure> {
    let (mut pieces, mut seconds) = (Vec::new(), Vec::new());
    for folder in folders {
        let record = record(folder)?;
        let summary = read(&folder.join("summary.json"))?;
        let summary = Summary::from_json(&summary).or_io(|| format!("{}/summary.json", folder.display()))?;
        let rows = read(&folder.join(SECONDS))?;
        seconds.push(Seconds::read(&rows).or_io(|| format!("{}/{SECONDS}", folder.display()))?);
        pieces.push(Piece { label: folder.display().to_string(), record, summary });
    }
    let summary = parts::merge(pieces, finish).or_usage()?;
    Ok((summary, Seconds::merge(&seconds)))
}

/// The folders of all shards; waits for those that are not there yet if it may.
fn wait_for(args: &MergeReport) -> Result<Vec<PathBuf>, Failure> {
    let began = Instant::now();
    loop {
        let wait = args.wait.filter(|wait| began.elapsed() < *wait);
        let Some(wait) = wait else { return shards(&args.folders) };
        // What is not there yet may come.
        let found = shards(&args.folders).unwrap_or_default();
        let wanted = found.first().map(|folder| record(folder)).transpose()?.map(|record| record.of as usize);
        if wanted.is_some_and(|wanted| found.len() >= wanted) {
            return Ok(found);
        }
        thread::sleep(LOOK.min(wait));
    }
}

/// Each folder that has a shard's report, or those within it.
fn shards(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for folder in folders {
        if folder.join(RECORD).exists() {
            found.push(folder.clone());
            continue;
        }
        let within = fs::read_dir(folder).or_io(|| format!("could not read {}", folder.display()))?;
        let mut within: Vec<PathBuf> = within
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join(RECORD).exists())
            .collect();
        if within.is_empty() && folder.join("summary.json").exists() {
            let folder = folder.display();
            return Err(Failure::usage(format!(
                "{folder} has a whole run, or one shard's that is not finished"
            )));
        }
        within.sort();
        found.extend(within);
    }
    Ok(found)
}

fn record(folder: &Path) -> Result<Record, Failure> {
    let path = folder.join(RECORD);
    serde_json::from_str(&read(&path)?).or_io(|| format!("{} is no shard's record", path.display()))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).or_io(|| format!("could not read {}", path.display()))
}
