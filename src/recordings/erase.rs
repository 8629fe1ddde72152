//! Takes a person out of the file of a recording: what it said goes, of what it did to the film only its name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde_json::Value;

use crate::private;

/// Lines that are a person's alone. Of others, which move the film, only the name goes.
const OWN_LINES: [&str; 4] = ["chat", "reaction", "joined", "left"];

/// Takes a person out of all recordings in a folder whose service is stopped; gives the number of lines.
pub fn from_folder(folder: &Path, name: &str) -> io::Result<u64> {
    let mut n_lines = 0;
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            n_lines += from_file(&path, u64::MAX, name)?.map_or(0, |(n, _)| n);
        }
    }
    Ok(n_lines)
}

/// Makes a file of so many bytes anew without a person of that name; gives the number of its lines, and the bytes that the
/// file has then. `None` if nothing in it is about that person.
pub fn from_file(path: &Path, n_bytes: u64, name: &str) -> io::Result<Option<(u64, u64)>> {
    let fresh = path.with_extension("unfinished");
    let mut n_erased = 0;
    let mut n_left = 0;
    let options = &mut File::options();
    let mut out = BufWriter::new(private::open(&fresh, options.create(true).write(true).truncate(true))?);
    for line in BufReader::new(File::open(path)?.take(n_bytes)).split(b'\n') {
        let mut line = line?;
        if let Ok(mut entry) = serde_json::from_slice::<Value>(&line)
            && entry["by"]["name"] == name
        {
            n_erased += 1;
            if entry["kind"].as_str().is_none_or(|kind| OWN_LINES.contains(&kind)) {
                continue;
            }
            entry["by"] = Value::Null;
            line = entry.to_string().into_bytes();
        }
        line.push(b'\n');
        n_left += line.len() as u64;
        out.write_all(&line)?;
    }
    if n_erased == 0 {
        fs::remove_file(&fresh)?;
        return Ok(None);
    }
    out.into_inner()?.sync_all()?;
    private::give_to_owner_of(path, &fresh);
    fs::rename(&fresh, path)?;
    Ok(Some((n_erased, n_left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_said_and_did_is_erased_and_the_film_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abcdefghijklmnop.jsonl");
        let others = "{\"roomhub\":\"recording\"}\n{\"n\":0,\"at\":1,\"kind\":\"chat\",\"by\":{\"id\":\"x\",\"name\":\"Bob\"},\"content\":\"Ann?\"}\n";
        let hers = "{\"n\":1,\"at\":1,\"kind\":\"chat\",\"by\":{\"id\":\"y\",\"name\":\"Ann\"},\"content\":\"hi\"}\n";
        let played =
            "{\"n\":2,\"at\":2,\"kind\":\"play\",\"by\":{\"id\":\"y\",\"name\":\"Ann\"},\"position\":1.5}\n";
        let text = [others, hers, played].concat();
        fs::write(&path, &text).unwrap();
        let silent = "{\"n\":2,\"at\":2,\"kind\":\"play\",\"by\":null,\"position\":1.5}\n";
        let left = [others, silent].concat();
        let erased = from_file(&path, text.len() as u64, "Ann").unwrap();
        assert_eq!(erased, Some((2, left.len() as u64)));
        assert_eq!(fs::read_to_string(&path).unwrap(), left);
        assert_eq!(from_file(&path, left.len() as u64, "Ann").unwrap(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
