//! The QR code of a certificate: what it says, and how it is drawn (SVG, PNG, terminal).
//!
//! Error correction M, dark on light, a quiet zone of four modules, nothing over it (ISO/IEC 18004; GS1 Digital
//! Link). An upper-case address falls into the alphanumeric mode and needs fewer modules.

use std::fmt::Write;
use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::{Color, EcLevel, QrCode};

/// Light modules on each side: four, as ISO/IEC 18004 asks.
const QUIET_ZONE: usize = 4;
/// Pixels a module in the PNG. Version 4 is then 410 pixels wide: 35 mm at 300 dpi.
const PIXELS: u32 = 10;
/// Height, in modules, that each line of text below the code takes in the SVG.
const LINE: usize = 3;

/// Why a text cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    #[error("an address of {0} bytes does not fit into a QR code")]
    TooLong(usize),
    #[error("the PNG could not be written: {0}")]
    Png(#[from] image::ImageError),
}

/// A QR code, ready to be drawn.
pub struct Qr {
    width: usize,
    modules: Vec<Color>,
}

impl Qr {
    /// Encodes an address as it stands; the verifier's links say which address a certificate gets.
    pub fn new(address: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(address, EcLevel::M)
            .map_err(|_| QrError::TooLong(address.len()))?;
        Ok(Self { width: code.width(), modules: code.to_colors() })
    }

    /// Draws an SVG with `captions` as lines of text below the code: a person without a camera types them.
    /// One user unit is one module; the print shop scales it (GS1 recommends modules of 0.396 mm or more).
    pub fn svg(&self, captions: &[&str]) -> String {
        let side = self.side();
        let height = side + captions.len() * LINE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {height}\" width=\"{}\" height=\"{}\" \
             role=\"img\" aria-labelledby=\"title\"><title id=\"title\">{}</title>\
             <rect width=\"{side}\" height=\"{height}\" fill=\"#fff\"/><path shape-rendering=\"crispEdges\" d=\"",
            side * 8,
            height * 8,
            escape(&captions.join(" ")),
        );
        self.write_path(&mut svg);
        svg.push_str("\"/>");
        for (index, caption) in captions.iter().enumerate() {
            write_caption(&mut svg, caption, side, index);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Draws a grey PNG of the code alone.
    pub fn png(&self) -> Result<Vec<u8>, QrError> {
        let side = u32::try_from(self.side()).unwrap_or(u32::MAX).saturating_mul(PIXELS);
        let picture = GrayImage::from_fn(side, side, |x, y| {
            let dark = self.is_dark((x / PIXELS) as usize, (y / PIXELS) as usize);
            Luma([if dark { 0 } else { 255 }])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }

    /// Draws the code for a terminal, two modules to a character. Each line sets black on white itself, so that the
    /// code is dark on light whatever the theme; the last escape of each line resets it.
    pub fn terminal(&self, coloured: bool) -> String {
        let mut text = String::new();
        for y in (0..self.side()).step_by(2) {
            text.push_str(if coloured { "\x1b[30;107m" } else { "" });
            text.extend((0..self.side()).map(|x| match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }));
            text.push_str(if coloured { "\x1b[0m\n" } else { "\n" });
        }
        text
    }

    /// Modules a side, quiet zone included.
    fn side(&self) -> usize {
        self.width + 2 * QUIET_ZONE
    }

    /// Whether the module at a place counted from the corner of the quiet zone is dark.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let place = |x: usize, y: usize| (x < self.width && y < self.width).then_some(y * self.width + x);
        x.checked_sub(QUIET_ZONE)
            .zip(y.checked_sub(QUIET_ZONE))
            .and_then(|(x, y)| self.modules.get(place(x, y)?))
            .is_some_and(|color| *color == Color::Dark)
    }

    /// One rectangle for each horizontal run of dark modules.
    fn write_path(&self, svg: &mut String) {
        for y in 0..self.side() {
            let mut x = 0;
            while x < self.side() {
                let run = (x..self.side()).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    let _ = write!(svg, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
    }
}

/// A line of text, centred, never wider than the code whatever font the viewer has.
fn write_caption(svg: &mut String, caption: &str, side: usize, index: usize) {
    let baseline = side + index * LINE;
    let widest = side - 2 * QUIET_ZONE;
    // A monospaced letter is about 0.6 em wide; text that would be wider than the code is squeezed into it.
    let squeeze = if caption.chars().count() * 6 * 2 > widest * 10 {
        format!(" textLength=\"{widest}\" lengthAdjust=\"spacingAndGlyphs\"")
    } else {
        String::new()
    };
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{baseline}\" font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"2\" text-anchor=\"middle\" fill=\"#000\"{squeeze}>{}</text>",
        side as f64 / 2.0,
        escape(caption),
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const ADDRESS: &str = "HTTPS://CHECK.EXAMPLE/C/4QW8Y0N6VJ3T1C9XZB5KRMSDHE7";

    /// What an independent decoder reads from a picture.
    fn read(width: u32, height: u32, pixel: impl Fn(usize, usize) -> u8) -> String {
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width as usize, height as usize, pixel);
        let grids = picture.detect_grids();
        assert_eq!(grids.len(), 1, "one code in the picture");
        let (meta, text) = grids[0].decode().unwrap();
        assert_eq!(meta.ecc_level, 0, "the format bits 00 say error correction M");
        text
    }

    /// Draws the SVG's path (`M x y h run v1 h-run z`) into pixels, reading nothing but the file.
    fn rasterise(svg: &str, scale: usize) -> (usize, Vec<u8>) {
        let side: usize =
            svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut pixels = vec![255; side * side * scale * scale];
        for run in path.split('M').skip(1) {
            let numbers: Vec<usize> =
                run.split(['h', 'v', ' ', 'z']).take(3).map(|number| number.parse().unwrap()).collect();
            for y in numbers[1] * scale..(numbers[1] + 1) * scale {
                for x in numbers[0] * scale..(numbers[0] + numbers[2]) * scale {
                    pixels[y * side * scale + x] = 0;
                }
            }
        }
        (side * scale, pixels)
    }

    #[test]
    fn a_decoder_reads_the_svg() {
        let svg = Qr::new(ADDRESS).unwrap().svg(&["check.example", "4QW8-Y0N6"]);
        let (side, pixels) = rasterise(&svg, 4);
        assert_eq!(read(side as u32, side as u32, |x, y| pixels[y * side + x]), ADDRESS);
        assert!(svg.contains(">check.example</text>") && svg.contains(">4QW8-Y0N6</text>"), "{svg}");
    }

    #[test]
    fn a_decoder_reads_the_png() {
        let png = Qr::new(ADDRESS).unwrap().png().unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_luma8();
        let text = read(picture.width(), picture.height(), |x, y| picture.get_pixel(x as u32, y as u32)[0]);
        assert_eq!(text, ADDRESS);
    }

    #[test]
    fn a_decoder_reads_the_terminal() {
        let text = Qr::new(ADDRESS).unwrap().terminal(true);
        let rows: Vec<Vec<char>> = text
            .lines()
            .map(|line| line.trim_start_matches("\x1b[30;107m").trim_end_matches("\x1b[0m").chars().collect())
            .collect();
        let side = rows[0].len();
        let dark = |x: usize, y: usize| match rows.get(y / 2).map(|row| row[x]) {
            Some('█') => true,
            Some('▀') => y.is_multiple_of(2),
            Some('▄') => !y.is_multiple_of(2),
            _ => false,
        };
        let scaled = read(side as u32 * 4, side as u32 * 4, |x, y| if dark(x / 4, y / 4) { 0 } else { 255 });
        assert_eq!(scaled, ADDRESS);
    }

    #[test]
    fn upper_case_takes_fewer_modules() {
        let version = |address: &str| (Qr::new(address).unwrap().width - 17) / 4;
        assert_eq!(version(ADDRESS), 3);
        assert_eq!(version(&ADDRESS.to_lowercase()), 4);
    }

    #[test]
    fn the_quiet_zone_is_four_modules_on_each_side() {
        let qr = Qr::new(ADDRESS).unwrap();
        let side = qr.side();
        let in_zone = |at: usize| at < 4 || at >= side - 4;
        for y in 0..side {
            for x in (0..side).filter(|x| in_zone(*x) || in_zone(y)) {
                assert!(!qr.is_dark(x, y), "{x} {y}");
            }
        }
        assert!(qr.is_dark(4, 4), "the finder pattern begins right after it");
    }

    #[test]
    fn an_address_too_long_is_an_error() {
        assert!(matches!(Qr::new(&"x".repeat(3000)), Err(QrError::TooLong(3000))));
    }

    #[test]
    fn captions_cannot_break_out() {
        let svg = Qr::new("x").unwrap().svg(&["<script>\"&"]);
        assert!(!svg.contains("<script>"));
    }
}
