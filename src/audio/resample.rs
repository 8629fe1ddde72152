//! Converts a file's sample rate and channels to those of the station.

use anyhow::{Context as _, Result};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use super::block::Block;
use super::format::Format;

/// Samples of one channel that are converted at a time.
const CHUNK: usize = 1024;

/// Converts blocks; what does not fill a chunk waits for the next block.
pub struct Converter {
    to: Format,
    from_rate: u32,
    resampler: Option<Fft<f32>>,
    waiting: Vec<f32>,
    /// The resampler's delay in samples.
    delay: usize,
    /// Input samples of one channel, and all output samples.
    n_in: u64,
    n_out: usize,
}

impl Converter {
    /// Converts to a format.
    pub fn new(to: Format) -> Self {
        Self { to, from_rate: to.rate, resampler: None, waiting: Vec::new(), delay: 0, n_in: 0, n_out: 0 }
    }

    /// Converts as much of a block as is possible; a file may change its sample rate.
    pub fn convert(&mut self, block: &Block) -> Result<Vec<f32>> {
        let mut out = Vec::new();
        if block.rate != self.from_rate {
            out = self.finish()?;
            self.from_rate = block.rate;
            let channels = usize::from(self.to.channels);
            let (from, to) = (block.rate as usize, self.to.rate as usize);
            let resampler = Fft::new(from, to, CHUNK, channels, FixedSync::Input).context("resampling")?;
            self.delay = resampler.output_delay() * channels;
            self.resampler = (from != to).then_some(resampler);
        }
        let mixed = mix(block, usize::from(self.to.channels));
        if self.resampler.is_none() {
            out.extend(mixed);
            return Ok(out);
        }
        self.n_in += (block.samples.len() / block.channels) as u64;
        self.waiting.extend(mixed);
        self.resample(&mut out)?;
        Ok(out)
    }

    /// Drains the resampler, at the end of a file.
    pub fn finish(&mut self) -> Result<Vec<f32>> {
        let mut out = Vec::new();
        if self.resampler.is_some() {
            let channels = usize::from(self.to.channels);
            let n_due = (self.n_in * u64::from(self.to.rate) / u64::from(self.from_rate)) as usize * channels;
            let n_missing = n_due.saturating_sub(self.n_out);
            // Silence flushes the resampler.
            while out.len() < n_missing {
                self.waiting.resize(self.waiting.len() + CHUNK * channels, 0.0);
                self.resample(&mut out)?;
            }
            out.truncate(n_missing);
        }
        self.waiting.clear();
        self.resampler = None;
        (self.n_in, self.n_out) = (0, 0);
        Ok(out)
    }

    fn resample(&mut self, out: &mut Vec<f32>) -> Result<()> {
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        let channels = usize::from(self.to.channels);
        let mut start = 0;
        loop {
            let n = resampler.input_frames_next();
            let Some(chunk) = self.waiting.get(start..start + n * channels) else { break };
            let chunk = InterleavedSlice::new(chunk, channels, n).context("a chunk is as long as it is")?;
            let made = resampler.process(&chunk, None).context("resampling")?.take_data();
            let early = self.delay.min(made.len());
            self.delay -= early;
            out.extend_from_slice(&made[early..]);
            self.n_out += made.len() - early;
            start += n * channels;
        }
        self.waiting.drain(..start);
        Ok(())
    }
}

/// Mixes one or two channels to one or two.
fn mix(block: &Block, channels: usize) -> Vec<f32> {
    match (block.channels, channels) {
        (1, 2) => block.samples.iter().flat_map(|sample| [*sample, *sample]).collect(),
        (2, 1) => block.samples.chunks_exact(2).map(|pair| f32::midpoint(pair[0], pair[1])).collect(),
        _ => block.samples.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(rate: u32, channels: usize, n: usize) -> Block {
        let samples = (0..n).flat_map(|at| vec![(at as f32 * 0.05).sin() * 0.5; channels]).collect();
        Block { rate, channels, samples }
    }

    #[test]
    fn the_length_is_kept_at_every_sample_rate_and_channel_count() {
        for (rate, channels) in [(48_000, 1), (22_050, 2), (44_100, 1), (96_000, 2), (8_000, 1)] {
            let mut converter = Converter::new(Format::USUAL);
            let mut n_out = 0;
            for _ in 0..10 {
                n_out += converter.convert(&block(rate, channels, rate as usize / 10)).unwrap().len();
            }
            n_out += converter.finish().unwrap().len();
            let seconds = n_out as f64 / 2.0 / 44_100.0;
            assert!((seconds - 1.0).abs() < 0.01, "{rate} Hz, {channels}: {seconds} s");
        }
    }
}
