//! Searches of a type, of the whole system and of a compartment, by GET and by POST. R4 `http.html#search`.
//!
//! A search's pairs come from the URL and the form, or from the cursor in a link to a further page; what is about the
//! answer is taken out of them ([`control`]), the rest is the search itself. [`reply`] writes the Bundle.

mod control;
mod reply;

use crate::error::{Error, Result};
use crate::exchange::{PageWish, SearchPage};
use crate::fhir::id::{ResourceKey, ResourceType};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::{Ask, Media};
use crate::http::cursor::{Cursor, not_ours};
use crate::http::paging::unknown_parameter;
use crate::http::route::{ALL_TYPES, unknown_path};
use crate::profile::Interaction;
use crate::search::split_query;

use control::Control;

/// `GET [base]/[type]?…`, `POST [base]/[type]/_search`.
pub async fn of_type(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::SearchType)?;
    let place = Among { path: rtype.to_string(), types: vec![rtype], is_open: false, compartment: None };
    answer(app, ask, place).await
}

/// `GET [base]?…`, `POST [base]/_search`: all types that are stored, or those of `_type`.
pub async fn system(app: &App, ask: &Ask) -> Result<Answer> {
    let types = app.gateway.searched_types();
    answer(app, ask, Among { path: String::new(), types, is_open: true, compartment: None }).await
}

/// `GET [base]/Patient/[id]/[type]?…`, and of `*`, all types of the compartment.
pub async fn compartment(app: &App, ask: &Ask, name: &str, id: &str, rtype: &str) -> Result<Answer> {
    let key = app.gateway.key(name, id, Interaction::Read)?;
    let mut types = app.gateway.compartment_types(name);
    if rtype != ALL_TYPES {
        let wanted = app.gateway.served(rtype, Interaction::SearchType)?;
        types.retain(|rtype| *rtype == wanted);
    }
    if types.is_empty() {
        return Err(unknown_path());
    }
    let path = format!("{key}/{rtype}");
    answer(app, ask, Among { path, types, is_open: rtype == ALL_TYPES, compartment: Some(key) }).await
}

/// Among what is searched.
struct Among {
    /// Under the base: where the search's links lead.
    path: String,
    types: Vec<ResourceType>,
    /// Whether `_type` may choose among the types.
    is_open: bool,
    compartment: Option<ResourceKey>,
}

async fn answer(app: &App, ask: &Ask, mut among: Among) -> Result<Answer> {
    let key = app.gateway.cursor_key().await?;
    let mut pairs = split_query(&ask.query);
    if ask.media == Media::Form {
        pairs.extend(split_query(&String::from_utf8_lossy(&ask.body)));
    }
    let sealed = control::cursor(&mut pairs)?;
    let before = sealed.as_deref().map(|text| Cursor::open(text, &key, &among.path)).transpose()?;
    pairs.extend(before.iter().flat_map(|cursor| cursor.pairs.clone()));
    let control = Control::take(&mut pairs, among.is_open)?;
    if let Some(names) = &control.types {
        choose(app, &mut among, names)?;
    }
    let asked = before.as_ref().map_or(app.gateway.now(), Cursor::asked);
    let mut request = app.gateway.read_search(&among.types, &pairs, &ask.base, asked).await?;
    if let Some(ignored) = request.ignored.first() {
        match before {
            // Other definitions than those of the first page: the search would not be the same.
            Some(_) => return Err(not_ours()),
            None if ask.strict => return Err(unknown_parameter(&ignored.name)),
            None => {}
        }
    }
    if let Some(key) = &among.compartment {
        app.gateway.within_compartment(&mut request, key).await?;
    }
    let size = app.gateway.page_size(control.count);
    let wish = PageWish {
        count: if control.counts_only() { 0 } else { size },
        total: control.total,
        left: match &before {
            Some(cursor) => cursor.left.map(|left| usize::try_from(left).unwrap_or(usize::MAX)),
            None => control.most,
        },
        after: before.as_ref().map(|cursor| cursor.place.clone()),
    };
    let mut page = app.gateway.search(&ask.caller, &request, &wish).await?;
    let lasting = || request.applied.iter().chain(&control.lasting).cloned().collect();
    let further = page.next.take().map(|place| {
        let left = wish.left.map(|left| left.saturating_sub(page.matches.len()) as u64);
        Cursor { pairs: lasting(), asked: asked.0, left, place }.seal(&key, &among.path)
    });
    let links = Links { path: &among.path, this: sealed, next: further.transpose()?, size };
    Ok(reply::bundle(app, ask, &control, &request, page, &links))
}

/// Where this page is, and the one after it.
struct Links<'a> {
    path: &'a str,
    /// This page's own cursor, where it is not the first.
    this: Option<String>,
    next: Option<String>,
    size: usize,
}

/// Leaves the types that `_type` names, in its order.
fn choose(app: &App, among: &mut Among, names: &[String]) -> Result<()> {
    let mut chosen: Vec<ResourceType> = Vec::new();
    for name in names {
        let rtype = app.gateway.searched_type(name)?;
        if among.types.contains(&rtype) && !chosen.contains(&rtype) {
            chosen.push(rtype);
        }
    }
    if chosen.is_empty() {
        let (ja, en) =
            ("_type の型はこのコンパートメントにありません。", "None of the types in _type is in this compartment.");
        return Err(Error::bad_parameter("_type", ja, en));
    }
    among.types = chosen;
    Ok(())
}
