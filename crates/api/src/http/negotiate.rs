//! Which of the media types of GraphQL answers a client wants, and whether what it sent is JSON.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

/// A media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status says whether the request was refused.
    GraphqlResponse,
    /// `application/json`: a well-formed request has status 200, whatever it says.
    Json,
    /// `text/event-stream`: as many answers as there are.
    EventStream,
}

impl Media {
    /// As `Content-Type` has it.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
        }
    }

    fn essence(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// How well a media type suits: quality in thousandths, then how exactly it was named, then how early.
type Fit = (u16, u8, std::cmp::Reverse<usize>);

/// The media type that the client likes best; `None` if it takes none. No `Accept` means JSON, as does `*/*`; a stream is for
/// who names it.
pub(super) fn accepted(headers: &HeaderMap) -> Option<Media> {
    let mut ranges = Vec::new();
    for value in headers.get_all(ACCEPT) {
        // A header that is no text names nothing of ours.
        ranges
            .extend(value.to_str().unwrap_or("").split(',').map(str::trim).filter(|range| !range.is_empty()));
    }
    if ranges.is_empty() {
        return Some(Media::Json);
    }
    // JSON last: of equals, `max_by_key` takes the last.
    let media = [Media::EventStream, Media::GraphqlResponse, Media::Json];
    let fits = media.into_iter().filter_map(|media| Some((media, fit(media, &ranges)?)));
    fits.max_by_key(|(_, fit)| *fit).map(|(media, _)| media)
}

/// What the most exact of the ranges that cover `media` says of it; `None` if it is not wanted.
fn fit(media: Media, ranges: &[&str]) -> Option<Fit> {
    let mut best: Option<(u8, u16, usize)> = None;
    for (at, range) in ranges.iter().enumerate() {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or("").to_ascii_lowercase();
        let exactness = match essence.as_str() {
            "*/*" | "application/*" if media == Media::EventStream => continue,
            "*/*" => 0,
            "application/*" => 1,
            named if named == media.essence() => 2,
            _ => continue,
        };
        let quality = parts.find_map(|part| {
            part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q")).map(|(_, q)| q)
        });
        let quality = quality.map_or(1000, thousandths);
        if best.is_none_or(|(exact, _, _)| exactness > exact) {
            best = Some((exactness, quality, at));
        }
    }
    let (exactness, quality, at) = best?;
    (quality > 0).then_some((quality, exactness, std::cmp::Reverse(at)))
}

/// A quality in thousandths; what is none is 1, as if it were not there.
fn thousandths(quality: &str) -> u16 {
    match quality.trim().parse::<f32>() {
        Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1000.0).round() as u16,
        _ => 1000,
    }
}

/// Whether the body is said to be JSON in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return false;
    }
    parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> Option<Media> {
        accepted(&HeaderMap::from_iter([(ACCEPT, value.parse().unwrap())]))
    }

    #[test]
    fn accept_is_negotiated() {
        use Media::{EventStream, GraphqlResponse, Json};
        assert_eq!(accepted(&HeaderMap::new()), Some(Json));
        for (header, media) in [
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("Application/JSON; charset=utf-8", Some(Json)),
            ("application/json, text/plain, */*", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            ("application/graphql-response+json, application/json", Some(GraphqlResponse)),
            ("application/json, application/graphql-response+json", Some(Json)),
            ("application/json;q=0.9, application/graphql-response+json", Some(GraphqlResponse)),
            ("application/graphql-response+json;q=0.5, application/json;q=0.501", Some(Json)),
            ("application/graphql-response+json; q=0, */*", Some(Json)),
            ("application/json;q=0, */*;q=0.1", Some(GraphqlResponse)),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Json)),
            ("text/event-stream", Some(EventStream)),
            ("Text/Event-Stream;q=0.5, */*;q=0.1", Some(EventStream)),
            ("text/event-stream, multipart/mixed", Some(EventStream)),
            ("application/graphql-response+json, application/json, text/event-stream", Some(GraphqlResponse)),
            ("application/json, text/event-stream, */*", Some(Json)),
            ("text/event-stream;q=0, */*", Some(Json)),
            ("text/*", None),
            ("text/html", None),
            ("application/json;q=0", None),
            ("*/*;q=0", None),
        ] {
            assert_eq!(accept(header), media, "{header}");
        }
    }

    #[test]
    fn only_json_is_json() {
        let json = |value: &str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        assert!(json("application/json") && json("application/JSON; Charset=\"UTF-8\"; x=y"));
        assert!(!is_json(&HeaderMap::new()));
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/graphql",
            "application/json; charset=latin1",
            "",
        ] {
            assert!(!json(other), "{other}");
        }
    }
}
