//! One element of a resource as FHIR sees it: a value together with its `_sibling`. R4 `json.html#primitive`.

use crate::fhir::json::{Json, Object};

use super::place::{find_mut, index, rename};

/// Where an element stands: the object that holds it, its key, and its number where it repeats.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub parent: Vec<String>,
    pub key: String,
    pub index: Option<usize>,
}

/// What an element becomes.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Null where there are only an id or extensions.
    pub value: Json,
    pub sibling: Option<Json>,
    /// The type in the part's key: `Quantity` of `valueQuantity`.
    pub suffix: Option<String>,
}

impl Slot {
    /// From the tokens of a pointer; `None` for the root.
    pub fn of(tokens: &[String]) -> Option<Slot> {
        let (last, above) = tokens.split_last()?;
        if let Some(index) = index(last)
            && let Some((key, parent)) = above.split_last()
        {
            return Some(Slot { parent: parent.to_vec(), key: key.clone(), index: Some(index) });
        }
        Some(Slot { parent: above.to_vec(), key: last.clone(), index: None })
    }

    fn object<'d>(&self, document: &'d mut Json) -> Option<&'d mut Object> {
        find_mut(document, &self.parent)?.as_object_mut()
    }

    /// Puts `content` in the element's place, under the key `key`.
    pub fn replace(&self, document: &mut Json, key: &str, content: Content) -> Option<()> {
        let index = self.index;
        let object = self.object(document)?;
        match index {
            Some(at) => {
                let mut list = List::take(object, &self.key);
                *list.values.get_mut(at)? = content.value;
                *list.siblings.get_mut(at)? = content.sibling.unwrap_or(Json::Null);
                list.put(object, &self.key);
            }
            None => {
                object.remove(&format!("_{}", self.key));
                if object.contains_key(&self.key) && content.value != Json::Null {
                    rename(object, &self.key, key, content.value);
                } else {
                    object.remove(&self.key);
                    put(object, key, content.value);
                }
                put(object, &format!("_{key}"), content.sibling.unwrap_or(Json::Null));
            }
        }
        Some(())
    }

    /// Takes the element out; objects and lists that this leaves empty go, too.
    pub fn remove(&self, document: &mut Json) -> Option<()> {
        let object = self.object(document)?;
        match self.index {
            // An empty sibling gives way to a null, so that the others keep their places.
            Some(at) if self.key.starts_with('_') => {
                let key = self.key.trim_start_matches('_');
                let mut list = List::take(object, key);
                *list.siblings.get_mut(at)? = Json::Null;
                list.put(object, key);
            }
            Some(at) => {
                let mut list = List::take(object, &self.key);
                if at >= list.values.len() {
                    list.put(object, &self.key);
                    return None;
                }
                list.values.remove(at);
                list.siblings.remove(at);
                list.put(object, &self.key);
            }
            None => {
                object.remove(&format!("_{}", self.key));
                object.remove(&self.key);
            }
        }
        if object.is_empty()
            && let Some(above) = Slot::of(&self.parent)
        {
            above.remove(document)?;
        }
        Some(())
    }

    /// Changes the list in which the element stands.
    pub fn with_list<T>(&self, document: &mut Json, change: impl FnOnce(&mut List) -> T) -> Option<T> {
        let object = self.object(document)?;
        let mut list = List::take(object, &self.key);
        let result = change(&mut list);
        list.put(object, &self.key);
        Some(result)
    }
}

fn put(object: &mut Object, key: &str, value: Json) {
    if value != Json::Null {
        object.insert(key, value);
    }
}

/// The values of a repeating element and their siblings, side by side.
pub(super) struct List {
    pub values: Vec<Json>,
    pub siblings: Vec<Json>,
}

impl List {
    fn take(object: &mut Object, key: &str) -> List {
        let mut side = |key: &str| match object.get_mut(key) {
            Some(Json::Array(items)) => std::mem::take(items),
            _ => Vec::new(),
        };
        let (mut values, mut siblings) = (side(key), side(&format!("_{key}")));
        let length = values.len().max(siblings.len());
        values.resize(length, Json::Null);
        siblings.resize(length, Json::Null);
        List { values, siblings }
    }

    fn put(self, object: &mut Object, key: &str) {
        let mut side = |key: &str, items: Vec<Json>| {
            if items.iter().all(|item| *item == Json::Null) {
                object.remove(key);
            } else {
                object.insert(key, items);
            }
        };
        side(key, self.values);
        side(&format!("_{key}"), self.siblings);
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn insert(&mut self, at: usize, content: Content) {
        self.values.insert(at, content.value);
        self.siblings.insert(at, content.sibling.unwrap_or(Json::Null));
    }

    pub fn relocate(&mut self, from: usize, to: usize) {
        let (value, sibling) = (self.values.remove(from), self.siblings.remove(from));
        self.values.insert(to, value);
        self.siblings.insert(to, sibling);
    }
}
