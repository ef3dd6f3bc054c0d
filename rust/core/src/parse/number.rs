//! Numbers as the kernel prints them: right-aligned in a field of blanks.

/// Every count is printed with `%10u` and one blank.
pub(super) const STRIDE: usize = 11;

/// The value of a field of the form `[ ]*[0-9]+`; none if it has another form or does not fit.
pub(super) fn field(bytes: &[u8]) -> Option<u64> {
    match bytes.first_chunk::<STRIDE>() {
        Some(stride) if bytes.len() == STRIDE => stride_field(stride),
        _ => any_field(bytes),
    }
}

/// [`field`], for the width that nearly all have.
#[inline]
pub(super) fn stride_field(bytes: &[u8; STRIDE]) -> Option<u64> {
    let [b' ', b' ', b' ', tail @ ..] = bytes else {
        return any_field(bytes);
    };
    blank_padded(u64::from_le_bytes(*tail))
}

/// The value of eight characters at once: blanks, then at least one digit. The first character is the lowest byte.
#[inline]
fn blank_padded(word: u64) -> Option<u64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A blank is 0x20, a digit 0x30 to 0x39.
    let digits = ((word >> 4) & ONES) * 0xff;
    let low = word & (ONES * 0x0f);
    let high_fits = word & (ONES * 0xe0) == ONES * 0x20;
    let low_fits = (low + ONES * 6) & (ONES * 0x10) == 0 && low & !digits == 0;
    // One run of digits that reaches the last character: adding its lowest bit carries out of the word.
    let one_run = digits != 0 && digits.wrapping_add(digits & digits.wrapping_neg()) == 0;
    if !(high_fits && low_fits && one_run) {
        return None;
    }
    let pairs = (low * 10 + (low >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

fn any_field(bytes: &[u8]) -> Option<u64> {
    let blanks = bytes.iter().take_while(|&&byte| byte == b' ').count();
    digits(&bytes[blanks..])
}

/// The value of one or more digits; none if there is anything else or it does not fit.
pub(super) fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_blanks_and_then_digits() {
        for (text, value) in [
            ("          0", Some(0)),
            ("         10", Some(10)),
            (" 4294967295", Some(4_294_967_295)),
            ("12345678901", Some(12_345_678_901)),
            ("   12345678", Some(12_345_678)),
            ("           ", None),
            ("         1 ", None),
            ("       1  2", None),
            ("         :0", None),
            ("         -1", None),
            ("         \t1", None),
            ("      !   1", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
        ] {
            assert_eq!(field(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn eight_characters_at_once_give_what_one_at_a_time_gives() {
        let alphabet = b" 0159:/\t\x00\xb1";
        let mut state = 1_u64;
        for _ in 0..200_000 {
            let mut bytes = *b"           ";
            for byte in &mut bytes[3..] {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let pick = usize::try_from(state >> 40).unwrap_or_default();
                // Mostly blanks and digits, so that well-formed fields come up.
                *byte = alphabet[if pick % 16 == 0 { (pick / 16) % 10 } else { (pick / 16) % 5 }];
            }
            assert_eq!(stride_field(&bytes), any_field(&bytes), "{bytes:?}");
        }
    }
}
