//! Documents that were parsed and checked, kept by their text: parsing is half of what a hot mutation costs.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use super::document::Document;

/// A document longer than this part of the cache is not kept, so that one client cannot empty it with a few.
const LARGEST: usize = 64;

/// The most recently used documents, bounded in number and bytes of text.
pub(super) struct Cache {
    kept: Mutex<Kept>,
    entries: usize,
    bytes: usize,
}

struct Kept {
    documents: LruCache<Arc<str>, Arc<Document>>,
    bytes: usize,
}

impl Cache {
    pub(super) fn new(entries: usize, bytes: usize) -> Self {
        Self { kept: Mutex::new(Kept { documents: LruCache::unbounded(), bytes: 0 }), entries, bytes }
    }

    pub(super) fn get(&self, text: &str) -> Option<Arc<Document>> {
        self.kept.lock().documents.get(text).cloned()
    }

    pub(super) fn keep(&self, text: &str, document: &Arc<Document>) {
        if text.len() > self.bytes / LARGEST || self.entries == 0 {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.documents.put(Arc::from(text), document.clone()).is_none() {
            kept.bytes += text.len();
        }
        while kept.documents.len() > self.entries || kept.bytes > self.bytes {
            let Some((text, _)) = kept.documents.pop_lru() else { break };
            kept.bytes -= text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::types::Types;
    use crate::limits::Limits;

    #[test]
    fn bounded_in_number_and_bytes() {
        let types = Types::new(&crate::sdl());
        let text = |n: usize| format!("{{ a{n:07} }}");
        let cache = Cache::new(10, 12 * LARGEST);
        let bytes = |cache: &Cache| cache.kept.lock().bytes;
        for n in 0..100 {
            let text = text(n);
            assert_eq!(text.len(), 12);
            let document = Arc::new(Document::new(&text, &types, &Limits::default()).unwrap());
            cache.keep(&text, &document);
            cache.keep(&text, &document);
        }
        assert_eq!(bytes(&cache), 120);
        assert!(cache.get(&text(90)).is_some() && cache.get(&text(89)).is_none());
        let long = format!("{{ a{:08} }}", 1);
        let document = Arc::new(Document::new(&long, &types, &Limits::default()).unwrap());
        cache.keep(&long, &document);
        assert!(cache.get(&long).is_none());
    }
}
