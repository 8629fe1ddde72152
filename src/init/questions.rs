//! The questions of `roomhub init`: each has a default, and a wrong answer is told and asked for again.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use super::{Draft, next_steps};
use crate::cli::Init;
use crate::settings::Service;

/// Whoever is asked.
pub struct Dialogue<'a> {
    /// Answers, a line each.
    pub input: &'a mut dyn BufRead,
    /// Where questions go.
    pub output: &'a mut dyn Write,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// The file that is to be written.
    pub file: &'a Path,
}

impl Dialogue<'_> {
    /// Asks what no flag has said.
    ///
    /// # Errors
    /// The terminal is gone, or whoever sat there.
    pub fn ask(&mut self, answers: &mut Init) -> io::Result<()> {
        self.say("An empty answer takes what is in brackets.\n")?;
        if answers.services.is_empty() {
            let names = Service::all().map(Service::name).join(",");
            self.fill(answers, &format!("Services, of {names} [all]"), |answers, text| {
                answers.services = list(text).iter().map(|name| service(name)).collect::<Result<_, _>>()?;
                Ok(())
            })?;
        }
        self.ask_for_network(answers)?;
        self.ask_for_folders(answers)?;
        self.ask_for_servers(answers)?;
        self.ask_for_keys(answers)
    }

    fn ask_for_network(&mut self, answers: &mut Init) -> io::Result<()> {
        if answers.proxy.is_empty() && answers.tls_cert.is_none() {
            self.fill(
                answers,
                "Reverse proxies that clients come through, like 127.0.0.1 or 10.0.0.0/8 [none]",
                |answers, text| {
                    answers.proxy = list(text);
                    Ok(())
                },
            )?;
        }
        if answers.listen.is_empty() {
            let question = match answers.services.len() {
                1 => "Address, like 0.0.0.0:8080 or unix:/run/roomhub/rooms.sock [its own port]",
                _ => "One address for all services, like 0.0.0.0:8080 [a port for each]",
            };
            self.fill(answers, question, |answers, text| {
                answers.listen = list(text);
                Ok(())
            })?;
        }
        if answers.proxy.is_empty() && answers.tls_cert.is_none() {
            self.fill_both(answers)?;
        }
        if answers.name.is_empty() {
            let question =
                "Public host names; with one address also SERVICE=NAME, a name for one service [none]";
            self.fill(answers, question, |answers, text| {
                answers.name = list(text);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// A certificate and its key, which are nothing one without the other.
    fn fill_both(&mut self, answers: &mut Init) -> io::Result<()> {
        loop {
            let Some(cert) = self.line("Certificate for TLS, a PEM file [no TLS]")? else { return Ok(()) };
            let Some(key) = self.line("Its key, a PEM file [no TLS]")? else { return Ok(()) };
            let mut tried = answers.clone();
            (tried.tls_cert, tried.tls_key) = (Some(self.path(&cert)), Some(self.path(&key)));
            if self.is_well(&tried)? {
                *answers = tried;
                return Ok(());
            }
        }
    }

    fn ask_for_folders(&mut self, answers: &mut Init) -> io::Result<()> {
        let home = self.home.clone();
        let place = move |text: &str| in_home(home.as_deref(), text);
        if answers.films.is_none() && runs(answers, Service::Watch) {
            self.fill(answers, "Folder of films for watch [none]", |answers, text| {
                answers.films = Some(place(text));
                Ok(())
            })?;
        }
        if answers.music.is_none() && runs(answers, Service::Music) {
            self.fill(answers, "Folder of music for music [none]", |answers, text| {
                answers.music = Some(place(text));
                Ok(())
            })?;
        }
        if answers.audio.is_none() && runs(answers, Service::Radio) {
            self.fill(answers, "Folder of audio for radio [the built-in sample]", |answers, text| {
                answers.audio = Some(place(text));
                Ok(())
            })?;
        }
        if answers.stations.is_empty() && runs(answers, Service::Radio) {
            let home = self.home.clone();
            let question = "More stations, each with a folder, like jazz=~/jazz, news=/srv/news [none]";
            self.fill(answers, question, |answers, text| {
                let at_home = |station: &str| match station.trim().split_once('=') {
                    Some((route, folder)) => {
                        format!("{route}={}", in_home(home.as_deref(), folder).display())
                    }
                    None => station.trim().to_owned(),
                };
                // Names of folders have spaces in them.
                answers.stations = text.split(',').map(at_home).collect();
                Ok(())
            })?;
        }
        self.ask_for_what_members_leave(answers)?;
        if answers.data.is_none() && self.is_at_large() && answers.services.as_slice() != [Service::Signal] {
            self.fill(answers, "Folder for what services keep [./data]", |answers, text| {
                answers.data = Some(place(text));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn ask_for_what_members_leave(&mut self, answers: &mut Init) -> io::Result<()> {
        let home = self.home.clone();
        if answers.recordings.is_none() && (runs(answers, Service::Music) || runs(answers, Service::Watch)) {
            let example = if self.is_at_large() { "./recordings" } else { next_steps::UNITS_RECORDINGS };
            let question = format!(
                "Folder for recordings that hosts may make of their rooms, like {example} [no recordings]"
            );
            self.fill(answers, &question, |answers, text| {
                answers.recordings = Some(in_home(home.as_deref(), text));
                Ok(())
            })?;
        }
        if answers.uploads.is_none() && runs(answers, Service::Music) {
            let question = "Megabytes of a file that members of music may upload, like 50 [no uploads]";
            self.fill(answers, question, |answers, text| {
                let megabytes = text.parse().ok().filter(|megabytes| *megabytes > 0);
                answers.uploads = Some(megabytes.ok_or("a number of megabytes is expected")?);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Whether it is for a process that keeps its data where it is told: the units have places of their own.
    fn is_at_large(&self) -> bool {
        self.file != Path::new(next_steps::OF_UNITS)
    }

    fn ask_for_servers(&mut self, answers: &mut Init) -> io::Result<()> {
        if answers.database.is_none() && runs(answers, Service::Devices) {
            let question =
                "Database of devices: mysql://user:password@host/name, or a file that holds that [SQLite]";
            self.fill(answers, question, |answers, text| {
                answers.database = Some(text.to_owned());
                Ok(())
            })?;
        }
        let calls = [Service::Signal, Service::Music, Service::Watch];
        if answers.turn.is_none() && calls.iter().any(|service| runs(answers, *service)) {
            let question =
                "TURN server for calls that no direct way leads to, like turn.example.org:3478 [none]";
            self.fill(answers, question, |answers, text| {
                answers.turn = Some(text.to_owned());
                Ok(())
            })?;
        }
        if answers.redis.is_none() && answers.services.as_slice() != [Service::Radio] {
            let question =
                "Redis, if there are several nodes: redis://:password@host, or a file that holds that [none]";
            self.fill(answers, question, |answers, text| {
                answers.redis = Some(text.to_owned());
                Ok(())
            })?;
        }
        Ok(())
    }

    fn ask_for_keys(&mut self, answers: &mut Init) -> io::Result<()> {
        if !answers.operator_keys && answers.proxy.is_empty() {
            self.fill(
                answers,
                "Keys for operators who are not on this machine, yes or no [no]",
                |answers, text| {
                    answers.operator_keys = is_yes(text)?;
                    Ok(())
                },
            )?;
        }
        if !answers.client_keys && (runs(answers, Service::Signal) || runs(answers, Service::Devices)) {
            self.fill(
                answers,
                "A key that clients of signal and devices bring, yes or no [no]",
                |answers, text| {
                    answers.client_keys = is_yes(text)?;
                    Ok(())
                },
            )?;
        }
        if !answers.live && runs(answers, Service::Radio) {
            self.fill(answers, "A password for live sources of radio, yes or no [no]", |answers, text| {
                answers.live = is_yes(text)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Asks until the answer is one that the configuration takes.
    fn fill(
        &mut self,
        answers: &mut Init,
        question: &str,
        set: impl Fn(&mut Init, &str) -> Result<(), String>,
    ) -> io::Result<()> {
        loop {
            let Some(text) = self.line(question)? else { return Ok(()) };
            let mut tried = answers.clone();
            match set(&mut tried, &text) {
                Err(problem) => self.say(&format!("  {problem}\n"))?,
                Ok(()) if self.is_well(&tried)? => {
                    *answers = tried;
                    return Ok(());
                }
                Ok(()) => {}
            }
        }
    }

    fn is_well(&mut self, answers: &Init) -> io::Result<bool> {
        let mistakes = Draft::new(answers).mistakes(self.file);
        for mistake in &mistakes {
            // What was typed is not in the file yet.
            let text = mistake.to_string();
            self.say(&format!(
                "  {}\n",
                text.strip_prefix(&format!("{}: ", mistake.source)).unwrap_or(&text)
            ))?;
        }
        Ok(mistakes.is_empty())
    }

    /// One answer; nothing stands for the default.
    fn line(&mut self, question: &str) -> io::Result<Option<String>> {
        self.say(&format!("{question}: "))?;
        let mut text = String::new();
        if self.input.read_line(&mut text)? == 0 {
            self.say("\n")?;
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nobody answers; nothing was written"));
        }
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn path(&self, text: &str) -> PathBuf {
        in_home(self.home.as_deref(), text)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }
}

fn runs(answers: &Init, service: Service) -> bool {
    answers.services.is_empty() || answers.services.contains(&service)
}

fn service(name: &str) -> Result<Service, String> {
    let all = Service::all();
    all.into_iter()
        .find(|service| service.name() == name)
        .ok_or_else(|| format!("{name}: there is no such service"))
}

fn list(text: &str) -> Vec<String> {
    let words = text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_owned).collect();
    if words == ["all"] || words == ["none"] { Vec::new() } else { words }
}

fn is_yes(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("yes or no is expected".into()),
    }
}

/// A path as a shell reads it.
fn in_home(home: Option<&Path>, text: &str) -> PathBuf {
    match (home, text.strip_prefix("~/")) {
        (Some(home), Some(rest)) => home.join(rest),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(answers: &mut Init, typed: &str) -> (io::Result<()>, String) {
        let mut output = Vec::new();
        let outcome = Dialogue {
            input: &mut typed.as_bytes(),
            output: &mut output,
            home: Some("/home/ann".into()),
            file: Path::new("x.toml"),
        }
        .ask(answers);
        (outcome, String::from_utf8(output).unwrap())
    }

    #[test]
    fn empty_answers_leave_everything_at_its_default() {
        let mut answers = Init::default();
        let (outcome, told) = ask(&mut answers, &"\n".repeat(18));
        outcome.unwrap();
        assert_eq!(told.matches("]: ").count(), 18, "{told}");
        assert_eq!(Draft::new(&answers).keys.len(), 1, "watch has a key in any case");
    }

    #[test]
    fn a_wrong_answer_is_told_and_asked_for_again() {
        let mut answers = Init { yes: false, ..Init::default() };
        let typed = "tv\nsignal devices\nsomewhere\n127.0.0.1\n8080\n127.0.0.1:8080\nradio=x.org\nsignal=calls.example.org\n\
                     ~/data\n\n\n\nperhaps\nyes\n";
        let (outcome, told) = ask(&mut answers, typed);
        outcome.unwrap_or_else(|error| panic!("{error}: {told}"));
        for expected in [
            "  tv: there is no such service\n",
            "  network.trusted_proxies",
            "  door.listen",
            "  radio=x.org: no service that runs is called radio\n",
            "  yes or no is expected\n",
        ] {
            assert!(told.contains(expected), "{expected:?} is not in\n{told}");
        }
        let text = Draft::new(&answers).text();
        assert!(text.contains("data_dir = \"/home/ann/data\"") && text.contains("auth = \"key\""), "{text}");
    }

    #[test]
    fn what_a_flag_has_said_is_not_asked() {
        let mut answers = Init { services: vec![Service::Signal], client_keys: true, ..Init::default() };
        let (outcome, told) = ask(&mut answers, &"\n".repeat(7));
        outcome.unwrap();
        assert!(!told.contains("Services") && !told.contains("films") && !told.contains("bring"), "{told}");
    }

    #[test]
    fn stations_recordings_and_uploads_are_asked_for_where_they_are_to_be_had() {
        let mut answers = Init { services: vec![Service::Music, Service::Radio], ..Init::default() };
        let folder = tempfile::tempdir().unwrap();
        let jazz = folder.path().join("late jazz");
        std::fs::create_dir(&jazz).unwrap();
        let typed = format!(
            "\n\n\n\n\n\njazz\njazz={}\n~/recordings\nmany\n50\n\nturn.example.org\n\n\n\n",
            jazz.display()
        );
        let (outcome, told) = ask(&mut answers, &typed);
        outcome.unwrap_or_else(|error| panic!("{error}: {told}"));
        assert!(told.contains("  jazz: ROUTE=FOLDER is expected\n"), "{told}");
        assert!(told.contains("  a number of megabytes is expected\n"), "{told}");
        let text = Draft::new(&answers).text();
        for expected in [
            "recordings_dir = \"/home/ann/recordings/music\"",
            "max_upload_bytes = 50000000",
            "turn_urls = [\"turn:turn.example.org\"]",
            &format!("folders = [\"{}\"]", jazz.display()),
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn what_the_units_have_a_place_for_is_not_asked() {
        let mut answers = Init { services: vec![Service::Devices], ..Init::default() };
        let mut output = Vec::new();
        let input = &mut &b"\n\n\n\n\n\n\n\n"[..];
        let file = Path::new(next_steps::OF_UNITS);
        Dialogue { input, output: &mut output, home: None, file }.ask(&mut answers).unwrap();
        let told = String::from_utf8(output).unwrap();
        assert!(!told.contains("keep"), "{told}");
    }

    #[test]
    fn who_goes_away_leaves_nothing() {
        let (outcome, _) = ask(&mut Init::default(), "\n\n");
        assert!(outcome.unwrap_err().to_string().contains("nothing was written"));
    }
}
