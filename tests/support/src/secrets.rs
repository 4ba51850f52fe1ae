//! Looks for secrets where none must be: in logs, statuses, events, metrics, panics.
//!
//! Every token that a test deals with is a JSON Web Token, the emulator's as well as those of the Kubernetes API server, so a
//! text that has one in it gives a secret away, whoever issued it. Whatever else is secret in a test has [`CANARY`] in it.

/// A part of every secret of the tests that is no JSON Web Token.
pub const CANARY: &str = "canary-7f3a";

/// How a JSON Web Token begins: `{"` in Base64.
const TOKEN: &str = "eyJ";

/// The fewest characters that a part of a JSON Web Token has.
const SHORTEST_PART: usize = 8;

/// How much of what is found, and of what comes before it, is quoted: enough to find the place, too little to use.
const QUOTED: (usize, usize) = (80, 12);

/// The first secret in a text, as a quotation that says where it is; `None` if there is none.
pub fn find(text: &str) -> Option<String> {
    let canary = text.find(CANARY);
    let token = text.match_indices(TOKEN).map(|(start, _)| start).find(|start| is_token(&text[*start..]));
    let start = [canary, token].into_iter().flatten().min()?;
    let from = text.floor_char_boundary(start.saturating_sub(QUOTED.0));
    let until = text.floor_char_boundary(start + QUOTED.1);
    Some(format!("…{}…", &text[from..until]))
}

/// Whether a text begins with three parts of Base64 (URL-safe) with dots between them.
fn is_token(text: &str) -> bool {
    let mut parts = text.splitn(3, '.');
    let whole = |part: &str| part.len() >= SHORTEST_PART && part.bytes().all(is_base64url);
    let (Some(header), Some(claims), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    whole(header) && whole(claims) && rest.bytes().take_while(|byte| is_base64url(*byte)).count() >= SHORTEST_PART
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        for (text, leaks) in [
            ("", false),
            ("nothing here, not even eyJ alone or eyJhbGciOiJSUzI1NiJ9.short.x", false),
            ("a version 1.2.3 and a host management.azure.com", false),
            (r#"{"authorization":"Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl"}"#, true),
            ("eyJ eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl%22", true),
            ("client_secret=canary-7f3a&scope=x", true),
        ] {
            assert_eq!(find(text).is_some(), leaks, "{text}");
        }
    }

    #[test]
    fn what_is_found_is_not_repeated() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl";
        let found = find(&format!("sent ä {token}")).expect("there is a token");
        assert!(found.contains("sent ä") && find(&found).is_none(), "{found}");
    }
}
