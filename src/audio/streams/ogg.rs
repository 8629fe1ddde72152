//! Packets of a codec in Ogg pages. Each track is a chain: a logical stream with its own head, which holds its title.
//!
//! A page ends with each piece, so that players can begin there: they are sent the head of the chain before it.

use std::mem;

use anyhow::Result;
use bytes::Bytes;
use ogg::{PacketWriteEndInfo, PacketWriter};

use super::{Piece, StreamEncoder, Tags};
use crate::audio::block::Block;
use crate::audio::format::Format;
use crate::audio::resample::Converter;

/// What encoders call themselves in a head.
const VENDOR: &str = concat!("roomhub ", env!("CARGO_PKG_VERSION"));

/// A packet, and the number of samples up to its end.
pub struct Packet {
    pub bytes: Vec<u8>,
    pub end: u64,
}

/// The packets of one chain.
pub trait Packets: Send {
    /// The packets of the head.
    fn head(&self, comment: &[u8]) -> [Vec<u8>; 2];

    /// Encodes interleaved samples.
    fn encode(&mut self, samples: &[f32]) -> Result<Vec<Packet>>;

    /// Encodes what is left; the last packet's end is where the sound ends, whatever it is filled up with.
    fn finish(&mut self) -> Result<Vec<Packet>>;
}

/// Begins a chain.
type Begin<P> = Box<dyn Fn() -> Result<P> + Send>;

/// A stream of chains.
pub struct OggStream<P> {
    format: Format,
    begin: Begin<P>,
    chain: Chain<P>,
    n_chains: u32,
}

struct Chain<P> {
    packets: P,
    converter: Converter,
    writer: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    head: Bytes,
    /// Whether a piece has gone out, and the head with it.
    has_begun: bool,
    /// Samples that have gone out.
    n_samples: u64,
    rate: u32,
}

impl<P: Packets> OggStream<P> {
    /// A stream of sound in that format.
    pub fn new(format: Format, begin: Begin<P>) -> Result<Self> {
        let chain = Chain::new(begin()?, format, 1, &Tags::default())?;
        Ok(Self { format, begin, chain, n_chains: 1 })
    }
}

impl<P: Packets> StreamEncoder for OggStream<P> {
    fn begin(&mut self, tags: &Tags) -> Result<Option<Piece>> {
        self.n_chains = self.n_chains.wrapping_add(1);
        let next = Chain::new((self.begin)()?, self.format, self.n_chains, tags)?;
        mem::replace(&mut self.chain, next).finish()
    }

    fn encode(&mut self, sound: &[Block]) -> Result<Option<Piece>> {
        self.chain.encode(sound)
    }
}

impl<P: Packets> Chain<P> {
    fn new(packets: P, format: Format, serial: u32, tags: &Tags) -> Result<Self> {
        let [first, second] = packets.head(&comment(tags));
        let mut writer = PacketWriter::new(Vec::new());
        writer.write_packet(first, serial, PacketWriteEndInfo::EndPage, 0)?;
        writer.write_packet(second, serial, PacketWriteEndInfo::EndPage, 0)?;
        let head = Bytes::from(mem::take(writer.inner_mut()));
        let converter = Converter::new(format);
        let rate = format.rate;
        Ok(Self { packets, converter, writer, serial, head, has_begun: false, n_samples: 0, rate })
    }

    fn encode(&mut self, sound: &[Block]) -> Result<Option<Piece>> {
        let mut samples = Vec::new();
        for block in sound {
            samples.extend(self.converter.convert(block)?);
        }
        let packets = self.packets.encode(&samples)?;
        self.piece(packets, PacketWriteEndInfo::EndPage)
    }

    fn finish(mut self) -> Result<Option<Piece>> {
        let samples = self.converter.finish()?;
        let mut packets = self.packets.encode(&samples)?;
        packets.extend(self.packets.finish()?);
        if !self.has_begun && packets.is_empty() {
            return Ok(None);
        }
        self.piece(packets, PacketWriteEndInfo::EndStream)
    }

    fn piece(&mut self, packets: Vec<Packet>, end: PacketWriteEndInfo) -> Result<Option<Piece>> {
        let n_packets = packets.len();
        let before = self.n_samples;
        for (n, packet) in packets.into_iter().enumerate() {
            let is_last = n + 1 == n_packets;
            let end = if is_last { end } else { PacketWriteEndInfo::NormalPacket };
            self.n_samples = packet.end;
            self.writer.write_packet(packet.bytes, self.serial, end, packet.end)?;
        }
        if n_packets == 0 {
            return Ok(None);
        }
        let mut bytes = mem::take(self.writer.inner_mut());
        let has_head = !mem::replace(&mut self.has_begun, true);
        if has_head {
            bytes.splice(..0, self.head.iter().copied());
        }
        let seconds = self.n_samples.saturating_sub(before) as f64 / f64::from(self.rate);
        Ok(Some(Piece { bytes, seconds, head: self.head.clone(), has_head }))
    }
}

/// A comment as Vorbis has it, without what the codec puts around it.
fn comment(tags: &Tags) -> Vec<u8> {
    let fields = [("TITLE", &tags.title), ("ARTIST", &tags.artist)];
    let fields: Vec<String> = fields
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("{name}={text}"))
        .collect();
    let mut comment = Vec::new();
    let mut put = |text: &str| {
        comment.extend((text.len() as u32).to_le_bytes());
        comment.extend(text.as_bytes());
    };
    put(VENDOR);
    let n_fields = (fields.len() as u32).to_le_bytes();
    let mut listed = Vec::new();
    for field in &fields {
        listed.extend((field.len() as u32).to_le_bytes());
        listed.extend(field.as_bytes());
    }
    comment.extend(n_fields);
    comment.extend(listed);
    comment
}
