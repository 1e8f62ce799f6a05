// SPDX-License-Identifier: MIT
#include "casts/answerers.hpp"

#include "wire/codec.hpp"

namespace coord::casts {

std::vector<Answerers::Own> Answerers::remove(replica::ConnectionId connection) {
  std::vector<Own> owed;
  for (auto entry = answerers_.begin(); entry != answerers_.end();) {
    if (entry->first.first != connection) {
      ++entry;
      continue;
    }
    for (const CastId& id : entry->second.open) {
      const auto found = open_.find(id);
      if (found == open_.end() || found->second.waits_for.erase(entry->first) == 0) continue;
      found->second.is_cut = true;
      if (auto answer = own(id)) owed.push_back(std::move(*answer));
    }
    entry = answerers_.erase(entry);
  }
  return owed;
}

std::optional<Answerers::Own> Answerers::ask(Instant now, const Question& what, Instant until,
                                             node::PartActions& out) {
  forget(now);
  Open open{until, {}, {}, false};
  for (auto& [key, answerer] : answerers_) {
    if (answerer.name != what.letter.name) continue;
    if (answerer.open.size() >= most_open) {
      open.is_cut = true;
      continue;
    }
    answerer.open.insert(what.id);
    open.waits_for.insert(key);
    out.push_back(node::ToTool{key.first, key.second, wire::encode(ToTool(what), 2)});
  }
  open_[what.id] = std::move(open);
  return own(what.id);
}

std::optional<Answerers::Own> Answerers::reply(const Key& key, const Reply& what) {
  const auto answerer = answerers_.find(key);
  if (answerer == answerers_.end() || answerer->second.open.erase(what.id) == 0) return std::nullopt;
  const auto found = open_.find(what.id);
  if (found == open_.end() || found->second.waits_for.erase(key) == 0) return std::nullopt;
  const Bytes body = wire::encode(what.answer, 2);
  found->second.answers.emplace_back(body.begin(), body.end());
  return own(what.id);
}

// Over when nobody is waited for.
std::optional<Answerers::Own> Answerers::own(const CastId& id) {
  const auto found = open_.find(id);
  Open& open = found->second;
  Own own{id, open.answers, open.waits_for.empty(), open.is_cut};
  if (own.is_complete) open_.erase(found);
  return own;
}

void Answerers::forget(Instant now) {
  std::erase_if(open_, [&](const auto& entry) { return entry.second.until < now; });
}

}  // namespace coord::casts
