//! Archives as files: a tar, compressed if its name says so, that appears under its name once it is whole.
//!
//! Everything is streamed. Whoever reads an archive sees all of it twice: first to check it, then to take files out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use ring::digest::{Context as Digest, SHA256};
use tar::{Archive, Builder, EntryType, Header};

use super::manifest::{self, Kept, Manifest};
use crate::private;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Names of archives that are compressed.
const COMPRESSED: [&str; 2] = [".gz", ".tgz"];

/// An archive that is being written.
pub struct Writer {
    tar: Builder<Out>,
    manifest: Manifest,
    path: PathBuf,
    unfinished: PathBuf,
}

enum Out {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Out {
    fn finish(self) -> io::Result<File> {
        let buffer = match self {
            Self::Plain(buffer) => buffer,
            Self::Gzip(encoder) => encoder.finish()?,
        };
        buffer.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(buffer) => buffer.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(buffer) => buffer.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

impl Writer {
    /// Begins an archive; a file of that name is replaced in the end.
    pub fn create(path: &Path, manifest: Manifest) -> Result<Self> {
        let name =
            path.file_name().and_then(|name| name.to_str()).context("the name of a file is expected")?;
        let unfinished = path.with_file_name(format!("{name}.unfinished"));
        let mut options = OpenOptions::new();
        let file = private::open(&unfinished, options.create(true).write(true).truncate(true))
            .with_context(|| format!("{}: cannot be written", unfinished.display()))?;
        let buffer = BufWriter::new(file);
        let out = if COMPRESSED.iter().any(|end| name.ends_with(end)) {
            Out::Gzip(GzEncoder::new(buffer, Compression::fast()))
        } else {
            Out::Plain(buffer)
        };
        Ok(Self { tar: Builder::new(out), manifest, path: path.to_owned(), unfinished })
    }

    /// Adds so many bytes under a name; zeros follow where there are fewer.
    pub fn add(&mut self, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
        let mut content = Hashed::new(content.take(bytes).chain(io::repeat(0)).take(bytes));
        self.tar.append_data(&mut header(bytes), name, &mut content)?;
        let kept = Kept { bytes, sha256: content.hex() };
        self.manifest.files.insert(name.to_owned(), kept);
        Ok(())
    }

    /// Adds an open file as long as it is now.
    pub fn add_file(&mut self, name: &str, file: &File) -> io::Result<()> {
        self.add(name, file.metadata()?.len(), file)
    }

    /// Writes the manifest, and gives the archive its name once all of it is on disk.
    pub fn finish(mut self) -> Result<Manifest> {
        let text = serde_json::to_vec_pretty(&self.manifest)?;
        self.tar.append_data(&mut header(text.len() as u64), manifest::NAME, &text[..])?;
        let Self { tar, manifest, path, unfinished } = self;
        tar.into_inner()?.finish()?.sync_all()?;
        fs::rename(&unfinished, &path).with_context(|| format!("{}: cannot be written", path.display()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(manifest)
    }
}

fn header(bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(bytes);
    header
}

/// Checks every file of an archive, and gives its manifest.
///
/// # Errors
/// It is none, it was cut off, a file is not as it was, or a newer version has written it.
pub fn check(path: &Path) -> Result<Manifest> {
    let mut found = Vec::new();
    let mut manifest = None;
    each_file(path, |name, content| {
        if name == manifest::NAME {
            let mut text = Vec::new();
            content.take(manifest::MAX_BYTES).read_to_end(&mut text)?;
            manifest = Some(Manifest::read(&text)?);
            return Ok(());
        }
        let mut content = Hashed::new(content);
        let bytes = io::copy(&mut content, &mut io::sink())?;
        found.push((name.to_owned(), Kept { bytes, sha256: content.hex() }));
        Ok(())
    })?;
    let manifest = manifest.context("it has no manifest: it was cut off, or is no backup of roomhub")?;
    for (name, kept) in &found {
        ensure!(manifest.files.get(name) == Some(kept), "{name} in it is damaged");
    }
    ensure!(found.len() == manifest.files.len(), "files are missing in it");
    Ok(manifest)
}

/// Gives every file of an archive, in order, by its name.
pub fn each_file(path: &Path, mut take: impl FnMut(&str, &mut dyn Read) -> Result<()>) -> Result<()> {
    let mut archive = Archive::new(open(path)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        let Some(text) = name.to_str().filter(|_| is_plain && entry.header().entry_type().is_file()) else {
            bail!("{} in it is no plain file: it is no backup of roomhub", name.display());
        };
        take(text, &mut entry)?;
    }
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    let is_compressed = io::BufRead::fill_buf(&mut file)?.starts_with(&GZIP);
    Ok(if is_compressed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

/// What is read, and its SHA-256.
struct Hashed<R> {
    content: R,
    digest: Digest,
}

impl<R> Hashed<R> {
    fn new(content: R) -> Self {
        Self { content, digest: Digest::new(&SHA256) }
    }

    fn hex(self) -> String {
        hex::encode(self.digest.finish())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buffer)?;
        self.digest.update(&buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path) -> Manifest {
        let mut writer = Writer::create(path, Manifest::new("now".into(), BTreeMap::new())).unwrap();
        assert!(!path.exists(), "it is not whole yet");
        writer.add("a/one", 3, &b"one"[..]).unwrap();
        writer.add("a/short", 8, &b"two"[..]).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn what_is_read_is_what_was_written_compressed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x.tar", "x.tar.gz", "x.tgz"] {
            let path = folder.path().join(name);
            assert_eq!(write(&path), check(&path).unwrap());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let mut found = BTreeMap::new();
            each_file(&path, |name, content| {
                let mut bytes = Vec::new();
                content.read_to_end(&mut bytes)?;
                found.insert(name.to_owned(), bytes);
                Ok(())
            })
            .unwrap();
            assert_eq!((&found["a/one"][..], &found["a/short"][..]), (&b"one"[..], &b"two\0\0\0\0\0"[..]));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn an_archive_that_was_cut_off_or_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        write(&path);
        let whole = fs::read(&path).unwrap();
        for n in [0, 600, 1500, whole.len() / 2] {
            fs::write(&path, &whole[..n]).unwrap();
            assert!(check(&path).is_err(), "{n} bytes");
        }
        let mut changed = whole;
        let place = changed.windows(3).position(|bytes| bytes == b"two").unwrap();
        changed[place] = b'T';
        fs::write(&path, changed).unwrap();
        assert_eq!(check(&path).unwrap_err().to_string(), "a/short in it is damaged");
        fs::write(&path, "no archive at all").unwrap();
        assert!(check(&path).is_err());
    }
}
