//! Whether from everywhere there is a way on: for every state that honest people can get into with an honest server, one in
//! which all is well can be reached.

use super::state::{Action, World, WorldState};
use stateright::Model;
use std::collections::{HashMap, VecDeque};

/// A state from which there is no way to one where all is well, if there is any; with what led there.
pub(crate) fn stuck(world: &World) -> Option<(WorldState, Vec<Action>)> {
    let mut states: Vec<(WorldState, Option<(usize, Action)>)> = Vec::new();
    let mut places: HashMap<WorldState, usize> = HashMap::new();
    let mut before: Vec<Vec<usize>> = Vec::new();
    let mut queue = VecDeque::new();
    for state in world.init_states() {
        places.insert(state.clone(), states.len());
        queue.push_back(states.len());
        states.push((state, None));
        before.push(Vec::new());
    }
    while let Some(place) = queue.pop_front() {
        let state = states[place].0.clone();
        let mut actions = Vec::new();
        world.actions(&state, &mut actions);
        for action in actions {
            let Some(next) = world.next_state(&state, action) else { continue };
            let at = *places.entry(next.clone()).or_insert_with(|| {
                states.push((next, Some((place, action))));
                before.push(Vec::new());
                queue.push_back(states.len() - 1);
                states.len() - 1
            });
            before[at].push(place);
        }
    }
    let mut well: Vec<bool> = states.iter().map(|(state, _)| state.is_well()).collect();
    let mut queue: VecDeque<usize> = (0..states.len()).filter(|place| well[*place]).collect();
    assert!(!queue.is_empty(), "a model in which nothing is ever well shows nothing");
    while let Some(place) = queue.pop_front() {
        for &earlier in &before[place] {
            if !well[earlier] {
                well[earlier] = true;
                queue.push_back(earlier);
            }
        }
    }
    let place = well.iter().position(|well| !well)?;
    let mut path = Vec::new();
    let mut at = place;
    while let Some((earlier, action)) = states[at].1 {
        path.push(action);
        at = earlier;
    }
    path.reverse();
    Some((states[place].0.clone(), path))
}
