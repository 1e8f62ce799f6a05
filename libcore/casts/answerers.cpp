// SPDX-License-Identifier: MIT
#include "casts/answerers.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "wire/codec.hpp"

namespace coord::casts {

bool Answerers::add(const Key& key, std::string name, node::PartActions& out) {
  const auto of_connection =
      std::ranges::count_if(answerers_, [&](const auto& entry) { return entry.first.first == key.first; });
  const bool fits =
      answerers_.contains(key) ||
      (answerers_.size() < most && static_cast<std::size_t>(of_connection) < most_of_connection);
  if (!COORD_RULE(answerers_are_bounded, fits)) return false;
  const auto [entry, is_new] = answerers_.try_emplace(key);
  entry->second.name = std::move(name);
  if (!is_new) return true;
  for (auto& [id, open] : open_)
    if (open.kept && open.kept->letter.name == entry->second.name)
      tell(key, entry->second, *open.kept, open, out);
  return true;
}

std::vector<Answerers::Own> Answerers::remove(replica::ConnectionId connection) {
  std::vector<Own> owed;
  for (auto entry = answerers_.begin(); entry != answerers_.end();) {
    if (entry->first.first != connection) {
      ++entry;
      continue;
    }
    for (const auto& [id, size] : entry->second.unread) {
      const auto found = open_.find(id);
      if (found == open_.end() || found->second.waits_for.erase(entry->first) == 0) continue;
      found->second.is_cut = true;
      if (auto answer = own(id)) owed.push_back(std::move(*answer));
    }
    entry = answerers_.erase(entry);
  }
  return owed;
}

std::size_t Answerers::open_of(const Key& key) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(open_, [&](const auto& entry) { return entry.second.waits_for.contains(key); }));
}

std::optional<Answerers::Own> Answerers::ask(Instant now, const Question& what, const ComeBackBy& by,
                                             node::PartActions& out) {
  if (COORD_RULE_OR(a_dead_question_takes_no_place, true, false)) forget(now);
  Open& open = open_[what.id];
  open = {what.until, {}, {}, false, {}, by};
  if (COORD_RULE_OR(who_comes_back_is_asked, now < by.last, false)) open.kept = what;
  for (auto& [key, answerer] : answerers_)
    if (answerer.name == what.letter.name) tell(key, answerer, what, open, out);
  return own(what.id);
}

void Answerers::tell(const Key& key, Answerer& answerer, const Question& what, Open& open,
                     node::PartActions& out) {
  Bytes bytes = wire::encode(ToTool(what), 2);
  const bool has_room =
      answerer.unread.size() < most_unread && answerer.unread_bytes + bytes.size() <= most_unread_bytes;
  if (open_of(key) >= most_open || !COORD_RULE(an_answerer_that_reads_nothing_is_bounded, has_room)) {
    open.is_cut = true;
    return;
  }
  answerer.unread[what.id] = bytes.size();
  answerer.unread_bytes += bytes.size();
  open.waits_for.insert(key);
  out.push_back(node::ToTool{key.first, key.second, std::move(bytes)});
}

std::optional<Answerers::Own> Answerers::reply(const Key& key, const Reply& what) {
  const auto answerer = answerers_.find(key);
  if (answerer == answerers_.end()) return std::nullopt;
  const auto unread = answerer->second.unread.find(what.id);
  if (unread == answerer->second.unread.end()) return std::nullopt;
  answerer->second.unread_bytes -= unread->second;
  answerer->second.unread.erase(unread);
  const auto found = open_.find(what.id);
  if (found == open_.end() || found->second.waits_for.erase(key) == 0) return std::nullopt;
  const Bytes body = wire::encode(what.answer, 2);
  found->second.answers.emplace_back(body.begin(), body.end());
  return own(what.id);
}

std::vector<Answerers::Own> Answerers::nobody_comes_any_more(Instant now) {
  std::vector<CastId> over;
  for (auto& [id, open] : open_) {
    if (!open.kept || now < open.kept_until()) continue;
    open.kept.reset();
    over.push_back(id);
  }
  std::vector<Own> owed;
  for (const CastId& id : over)
    if (auto answer = own(id)) owed.push_back(std::move(*answer));
  return owed;
}

std::optional<Instant> Answerers::deadline() const {
  std::optional<Instant> first;
  for (const auto& [id, open] : open_)
    if (open.kept && (!first || open.kept_until() < *first)) first = open.kept_until();
  return first;
}

// Over when nobody is waited for.
std::optional<Answerers::Own> Answerers::own(const CastId& id) {
  const auto found = open_.find(id);
  Open& open = found->second;
  const bool nobody_came = open.come_back_by.again && open.answers.empty();
  Own own{id, open.answers, open.waits_for.empty() && !open.kept,
          open.is_cut || COORD_RULE_OR(nobody_is_no_answer_of_who_was_asked_before, nobody_came, false)};
  if (own.is_complete) open_.erase(found);
  return own;
}

void Answerers::forget(Instant now) {
  std::erase_if(open_, [&](const auto& entry) { return entry.second.until < now; });
}

}  // namespace coord::casts
