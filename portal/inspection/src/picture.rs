//! The QR code in a picture of a camera.

use rqrr::PreparedImage;

/// Width and height of a picture.
pub const SIDE: usize = 320;

/// What the first QR code says that can be read; none where there is none, or where it is no such picture: a byte for the
/// lightness of each point, row by row.
pub fn read(grey: &[u8]) -> Option<String> {
    if grey.len() != SIDE * SIDE {
        return None;
    }
    let light = |x: usize, y: usize| grey.get(y * SIDE + x).copied().unwrap_or_default();
    let mut picture = PreparedImage::prepare_from_greyscale(SIDE, SIDE, light);
    picture.detect_grids().iter().find_map(|grid| Some(grid.decode().ok()?.1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use qr::Qr;

    use super::*;

    const LINK: &str = "https://verify.example/c/01040G2081840R2081040G2081S";

    /// What a camera sees of a label: not the whole picture, not quite upright, and with noise.
    fn seen(noise: u8) -> Vec<u8> {
        let code = image::load_from_memory(&Qr::new(LINK).unwrap().png().unwrap()).unwrap().to_luma8();
        let code = image::imageops::resize(&code, 240, 240, image::imageops::FilterType::Triangle);
        let at = |x: usize, y: usize| {
            let (x, y) = (x.checked_sub(40 + y / 40)?, y.checked_sub(40)?);
            Some(code.get_pixel_checked(u32::try_from(x).ok()?, u32::try_from(y).ok()?)?.0[0])
        };
        let mut random = fastrand::Rng::with_seed(1);
        let points = (0..SIDE * SIDE).map(|place| at(place % SIDE, place / SIDE).unwrap_or(220));
        points.map(|light| (light / 2 + 60).saturating_add(random.u8(0..=noise))).collect()
    }

    #[test]
    fn a_label_is_read() {
        assert_eq!(read(&seen(20)).as_deref(), Some(LINK));
    }

    #[test]
    fn what_is_no_picture_of_a_label_says_nothing() {
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..50 {
            let noise: Vec<u8> = (0..SIDE * SIDE).map(|_| random.u8(..)).collect();
            assert_eq!(read(&noise), None);
        }
        for other in [vec![], vec![0; SIDE], vec![0; SIDE * SIDE], vec![255; SIDE * SIDE + 1]] {
            assert_eq!(read(&other), None);
        }
        // A label of which parts are painted over anyhow is read rightly or not at all.
        for _ in 0..50 {
            let mut label = seen(20);
            for _ in 0..40 {
                let (from, light) = (random.usize(0..SIDE * SIDE - SIDE), random.u8(..));
                label.iter_mut().skip(from).take(random.usize(1..SIDE)).for_each(|point| *point = light);
            }
            assert!(read(&label).is_none_or(|said| said == LINK));
        }
    }
}
