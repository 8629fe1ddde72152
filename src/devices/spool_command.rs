//! `roomhub devices spool`: what waits for the database, and what it refused.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Config;
use super::record::Record;
use super::spool::reader::Reader;
use super::spool::segment::{self, Position};
use super::spool::{dead, load_cursor};

/// Dead letters that are listed.
const LISTED: usize = 20;

/// Says what the spool holds; the server may be running.
pub fn inspect(config: &Config) -> Result<String> {
    let folder = config.spool_folder();
    let segments =
        segment::list(&folder).with_context(|| format!("{}: no spool is there", folder.display()))?;
    let last = segments.last().copied().unwrap_or(0);
    let end = Position { segment: last + 1, offset: 0 };
    let mut reader = Reader::new(&folder, load_cursor(&folder).max(first(&segments)));
    let (mut records, mut bytes, mut oldest) = (0_u64, 0_u64, None);
    while let Some((_, payload)) = reader.next(end)? {
        records += 1;
        bytes += payload.len() as u64;
        oldest = oldest.or_else(|| Record::from_bytes(&payload).ok().map(|record| record.at()));
    }
    let on_disk: u64 = segments
        .iter()
        .filter_map(|number| std::fs::metadata(segment::path(&folder, *number)).ok())
        .map(|metadata| metadata.len())
        .sum();
    let mut told = String::new();
    writeln!(told, "spool         {}", folder.display())?;
    writeln!(told, "records       {records} not in the database yet ({bytes} bytes)")?;
    writeln!(told, "oldest        {}", oldest.map_or("-".into(), |at| at.to_string()))?;
    writeln!(told, "on disk       {on_disk} bytes in {} segments", segments.len())?;
    tell_letters(&folder, &mut told)?;
    Ok(told)
}

fn first(segments: &[u64]) -> Position {
    Position { segment: segments.first().copied().unwrap_or(0), offset: 0 }
}

fn tell_letters(folder: &Path, told: &mut String) -> Result<()> {
    let path = folder.join(dead::FILE);
    let (letters, others) = if path.exists() { dead::read(&path)? } else { Default::default() };
    writeln!(told, "dead letters  {}", letters.len() + others.len())?;
    if letters.is_empty() && others.is_empty() {
        return Ok(());
    }
    for letter in letters.iter().take(LISTED) {
        writeln!(told, "  {}  {}  {}", letter.refused_at, letter.id, letter.reason)?;
    }
    for other in others.iter().take(LISTED) {
        writeln!(told, "  unreadable: {other}")?;
    }
    writeln!(told, "mend them in {}, then: roomhub devices spool retry", path.display())?;
    Ok(())
}

/// Puts the dead letters back; the server takes them within a second, or at its next start.
pub fn retry(config: &Config) -> Result<String> {
    let folder = config.spool_folder();
    if !folder.join(dead::FILE).exists() {
        return Ok("there are no dead letters\n".into());
    }
    let n = dead::retry(&folder)?;
    Ok(format!("{n} dead letters go back to the database\n"))
}
