//! XML as clients of AWS send it: elements with text in them. Attributes say nothing that the model does not.

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name without a namespace.
    pub(super) name: String,
    /// The elements in it.
    pub(super) children: Vec<Self>,
    /// The text in it.
    pub(super) text: String,
}

/// The root element of a document; `None` where the document is not well-formed.
pub(super) fn parse(document: &str) -> Option<Element> {
    let mut rest = document.trim_start_matches('\u{feff}');
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let Some((text, tagged)) = rest.split_once('<') else {
            return root.filter(|_| open.is_empty() && rest.trim().is_empty());
        };
        match open.last_mut() {
            Some(element) => element.text.push_str(&unescaped(text)?),
            None if !text.trim().is_empty() => return None,
            None => {}
        }
        if let Some(comment) = tagged.strip_prefix("!--") {
            rest = comment.split_once("-->")?.1;
            continue;
        }
        if let Some(literal) = tagged.strip_prefix("![CDATA[") {
            let (text, after) = literal.split_once("]]>")?;
            open.last_mut()?.text.push_str(text);
            rest = after;
            continue;
        }
        // A document type could define entities; nobody needs one.
        if tagged.starts_with('!') {
            return None;
        }
        let end = tag_end(tagged)?;
        let (tag, after) = tagged.split_at_checked(end)?;
        rest = after.strip_prefix('>')?;
        if tag.starts_with('?') {
            continue;
        }
        let done = if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop()?;
            if element.name != local(name.trim()) {
                return None;
            }
            Some(element)
        } else {
            let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let name = local(tag.split_whitespace().next()?).to_owned();
            let element = Element { name, ..Element::default() };
            if is_empty {
                Some(element)
            } else {
                open.push(element);
                None
            }
        };
        match (done, open.last_mut()) {
            (Some(element), Some(parent)) => parent.children.push(element),
            (Some(_), None) if root.is_some() => return None,
            (Some(element), None) => root = Some(element),
            (None, _) => {}
        }
    }
}

/// Where the `>` of a tag is: not in the value of an attribute.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.char_indices().find_map(|(at, character)| {
        match (quote, character) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None | Some(_), _) => {}
        }
        None
    })
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The text that stands in a document with entities in it.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (entity, after) = after.split_once(';')?;
        plain.push_str(before);
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => {
                let number = other.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_document_becomes_its_elements() {
        let document = r#"<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/" a="x>y">
            <Object><Key>a&amp;b&#x20;c</Key></Object><!-- <no> --><Object><Key><![CDATA[<d>]]></Key></Object><Quiet/></Delete>"#;
        let root = parse(document).unwrap();
        assert_eq!((root.name.as_str(), root.children.len()), ("Delete", 3));
        let keys = root.children.iter().filter_map(|child| child.children.first()).map(|key| key.text.as_str());
        assert_eq!(keys.collect::<Vec<_>>(), ["a&b c", "<d>"]);
    }

    #[rstest]
    #[case::not_closed("<a><b></b>")]
    #[case::crossed("<a><b></a></b>")]
    #[case::text_outside("<a/>b")]
    #[case::two_roots("<a/><b/>")]
    #[case::unknown_entity("<a>&nbsp;</a>")]
    #[case::document_type("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>")]
    #[case::nothing("")]
    fn what_is_not_well_formed_is_refused(#[case] document: &str) {
        assert_eq!(parse(document), None);
    }
}
