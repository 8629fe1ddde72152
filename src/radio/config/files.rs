//! The files and folders that `[radio]` names, for `roomhub check`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::station::StationConfig;
use super::{Config, home};
use crate::radio::output::addresses;

/// The configured folders of audio, each with its key.
pub fn audio_folders(config: &Config) -> Vec<(String, PathBuf)> {
    let default =
        (!config.audio_dir.is_empty()).then(|| ("radio.audio_dir".to_owned(), home(&config.audio_dir)));
    let of_routes = config.directories().unwrap_or_default().into_iter();
    let of_routes = of_routes.map(|(route, folder)| (format!("radio.directory_routes {route}"), folder));
    let of_stations = config.stations.iter().enumerate().flat_map(|(place, station)| {
        let owner = format!("radio.stations[{}]", place + 1);
        let named = station.folders.iter().map(|folder| ("folders".to_owned(), home(folder)));
        let jingles = station.jingles().map(|(folder, _)| ("jingles.folder".to_owned(), folder));
        let shows = station.schedule.iter().enumerate().filter(|(_, show)| !show.folder.is_empty());
        let shows =
            shows.map(|(place, show)| (format!("schedule[{}].folder", place + 1), home(&show.folder)));
        let folders = named.chain(jingles).chain(shows);
        folders
            .map(|(key, folder)| (format!("{owner}.{key} ({})", station.normalized_route()), folder))
            .collect::<Vec<_>>()
    });
    default.into_iter().chain(of_routes).chain(of_stations).collect()
}

/// The configured playlist files, each with its key.
pub fn playlist_files(config: &Config) -> Vec<(String, PathBuf)> {
    let of_station = |(place, station): (usize, &StationConfig)| {
        let owner = format!("radio.stations[{}]", place + 1);
        let own = station.playlist().map(|file| ("playlist".to_owned(), file));
        let shows = station.schedule.iter().enumerate();
        let shows =
            shows.filter_map(|(n, show)| Some((format!("schedule[{}].playlist", n + 1), show.playlist()?)));
        let files = own.into_iter().chain(shows);
        files
            .map(|(key, file)| (format!("{owner}.{key} ({})", station.normalized_route()), file))
            .collect::<Vec<_>>()
    };
    config.stations.iter().enumerate().flat_map(of_station).collect()
}

/// Whether a file is a database of countries.
///
/// # Errors
/// It is none.
pub fn check_countries(path: &Path) -> Result<String> {
    let countries = addresses::read(path)?;
    Ok(format!("{}: {}", path.display(), countries.metadata().database_type))
}
