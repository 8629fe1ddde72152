//! Decodes Opus in Ogg of one or two channels, chain after chain, by `opus-pure`. Other files are left to ffmpeg.

use std::io::Read;

use anyhow::{Result, anyhow, ensure};
use opus_pure::{Error, MAX_PACKET_SAMPLES, OggOpusReader, OggPacket, Trim};

use super::block::Block;
use super::ogg_chain::OggChains;
use super::streams::Tags;

/// What is decoded, whatever the sound's rate was.
const RATE: i32 = 48_000;

/// The most consecutive packets that cannot be decoded: some seconds of damage.
const MAX_BAD_PACKETS: usize = 500;

/// An open file or stream.
pub struct OpusDecoder<R: Read> {
    /// `None` after the end.
    chain: Option<Chain<R>>,
    packet: OggPacket,
    samples: Vec<f32>,
    /// The tags of a chain that has just begun.
    tags: Option<Tags>,
}

struct Chain<R: Read> {
    reader: OggOpusReader<OggChains<R>>,
    decoder: opus_pure::OpusDecoder,
    /// Cuts off what encoders add at both ends.
    trim: Trim,
    channels: usize,
}

impl<R: Read> Chain<R> {
    fn open(chains: OggChains<R>) -> Result<Self> {
        let reader = OggOpusReader::new(chains).map_err(|error| named(&error))?;
        let head = reader.head();
        let channels = usize::from(head.channel_count);
        ensure!((1..=2).contains(&channels), "Opus of {channels} channels");
        let decoder = head.decoder(RATE).map_err(|error| named(&error))?;
        let trim = Trim::new(head, RATE, channels).map_err(|error| named(&error))?;
        Ok(Self { reader, decoder, trim, channels })
    }

    fn tags(&self) -> Tags {
        let tags = self.reader.tags();
        let text = |name: &str| tags.get(name).unwrap_or_default().to_owned();
        Tags { title: text("TITLE"), artist: text("ARTIST") }
    }
}

impl<R: Read> OpusDecoder<R> {
    /// Opens what comes from there.
    pub fn open(source: R) -> Result<Self> {
        let chain = Chain::open(OggChains::new(source))?;
        let tags = Some(chain.tags());
        let samples = vec![0.0; MAX_PACKET_SAMPLES * 2];
        Ok(Self { chain: Some(chain), packet: OggPacket::default(), samples, tags })
    }

    /// The tags of a chain, once, before its first block is asked for.
    pub fn take_tags(&mut self) -> Option<Tags> {
        self.tags.take()
    }

    /// The next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        let mut n_bad = 0;
        while let Some(chain) = &mut self.chain {
            if !chain.reader.read_packet_into(&mut self.packet).map_err(|error| named(&error))? {
                self.next_chain()?;
                continue;
            }
            let Ok(n) = chain.decoder.decode(&self.packet.data, MAX_PACKET_SAMPLES, &mut self.samples) else {
                n_bad += 1;
                ensure!(n_bad < MAX_BAD_PACKETS, "Opus: {n_bad} packets that cannot be decoded");
                continue;
            };
            let kept = chain.trim.keep(&self.packet, &self.samples[..n * chain.channels]);
            if !kept.is_empty() {
                let (rate, channels) = (RATE.cast_unsigned(), chain.channels);
                return Ok(Some(Block { rate, channels, samples: kept.to_vec() }));
            }
        }
        Ok(None)
    }

    fn next_chain(&mut self) -> Result<()> {
        let Some(chain) = self.chain.take() else { return Ok(()) };
        let mut chains = chain.reader.into_inner();
        if chains.advance()? {
            let chain = Chain::open(chains)?;
            self.tags = Some(chain.tags());
            self.chain = Some(chain);
        }
        Ok(())
    }
}

fn named(error: &Error) -> anyhow::Error {
    anyhow!("Opus: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::decode::Decoder;
    use crate::audio::format::Format;
    use crate::audio::streams::encoder;

    #[test]
    fn a_file_of_chains_is_as_long_as_what_was_encoded_and_needs_no_ffmpeg() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.opus");
        let format = Format { rate: RATE.cast_unsigned(), channels: 2 };
        let mut encoder = encoder("opus 96".parse().unwrap(), format, None).unwrap();
        encoder.begin(&Tags::default()).unwrap();
        let samples = (0..60_000).flat_map(|at| [(at as f32 * 0.06).sin() * 0.5; 2]).collect();
        let tone = Block { rate: format.rate, channels: 2, samples };
        let mut bytes = encoder.encode(&[tone]).unwrap().unwrap().bytes;
        bytes.extend(encoder.begin(&Tags::default()).unwrap().unwrap().bytes);
        // A second chain, as of a stream that was recorded.
        bytes = bytes.repeat(2);
        std::fs::write(&path, bytes).unwrap();
        let mut decoder = Decoder::open(&path, None).unwrap();
        let blocks: Vec<Block> = std::iter::from_fn(|| decoder.next_block().unwrap()).collect();
        let sound: Vec<f32> = blocks.into_iter().flat_map(|block| block.samples).collect();
        assert_eq!(sound.len(), 240_000);
        let loudest = |piece: &[f32]| piece.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!(sound[2_000..118_000].chunks(960).all(|piece| (0.4..0.6).contains(&loudest(piece))));
    }
}
