// SPDX-License-Identifier: MIT
#include "protocol/broadcast/gather.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

namespace {

constexpr Duration kept_for = std::chrono::seconds(2);  // after its time, for answers that come twice
constexpr Duration longest_patience = std::chrono::hours(24);

// Of what is left, what the level below has.
Duration below_patience(Duration left) {
  return left - left / 8;
}

}  // namespace

Gather::Actions Gather::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  keep_only_so_much();
  return actions;
}

// ---- how much is kept

std::size_t Gather::bytes_of(const Question& question) {
  std::size_t bytes = question.question.size() + sizeof(NodeId) * question.reached.size();
  for (const Payload& answer : question.own) bytes += answer.size();
  for (const Share& share : question.shares) bytes += share.answer.size() + sizeof(Share);
  return bytes;
}

std::size_t Gather::open() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(questions_, [](const auto& entry) { return !entry.second.is_said; }));
}

std::size_t Gather::kept_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [id, question] : questions_) bytes += bytes_of(question);
  return bytes;
}

bool Gather::has_room_for(const Down& what) const {
  std::size_t open = 0, bytes = what.question.size();
  for (const auto& [id, question] : questions_) {
    if (question.is_said) continue;
    ++open;
    bytes += bytes_of(question);
  }
  return COORD_RULE(open_questions_are_bounded, open < config_.most_open && bytes <= config_.most_open_bytes);
}

// Nobody waits for it any more.
bool Gather::is_settled(const Question& question) {
  return question.is_said &&
         std::ranges::all_of(question.parents, [](const auto& entry) { return entry.second.has_thanked; });
}

// This node's own have been told, and are not asked for again. Of others' the oldest go first.
void Gather::keep_only_so_much() {
  std::erase_if(questions_, [&](const auto& entry) {
    return entry.first.origin == config_.self && entry.second.is_said;
  });
  std::size_t count = 0, bytes = 0;
  std::map<std::uint64_t, CastId> settled;
  for (const auto& [id, question] : questions_) {
    if (!is_settled(question)) continue;
    ++count;
    bytes += bytes_of(question);
    settled.emplace(question.said, id);
  }
  for (const auto& [said, id] : settled) {
    if (count <= config_.most_kept && bytes <= config_.most_kept_bytes) return;
    const auto oldest = questions_.find(id);
    --count;
    bytes -= bytes_of(oldest->second);
    if (COORD_RULE_OR(answered_questions_are_bounded, true, false)) questions_.erase(oldest);
  }
}

std::optional<Instant> Gather::deadline() const {
  std::optional<Instant> first;
  const auto consider = [&](Instant at) {
    if (!first || at < *first) first = at;
  };
  for (const auto& [id, question] : questions_) {
    consider(question.is_said ? question.until + kept_for : question.until);
    if (!question.is_said)
      for (const auto& [node, child] : question.children)
        if (!child.is_over) consider(child.again);
    for (const auto& [node, parent] : question.parents)
      if (question.is_said && !parent.has_thanked) consider(parent.again);
  }
  return first;
}

std::set<NodeId> Gather::waits_for() const {
  std::set<NodeId> nodes;
  for (const auto& [id, question] : questions_)
    for (const auto& [node, child] : question.children)
      if (!question.is_said && !child.is_over) nodes.insert(node);
  return nodes;
}

// ---- down

void Gather::on(Instant now, const Begin& event, Actions& actions) {
  const CastId id{config_.self, config_.life, ++last_number_};
  Question& question = questions_[id];
  question.question = event.question;
  question.until = now + std::clamp(event.patience, Duration{}, longest_patience);
  question.members = event.members;
  std::vector<NodeId> members = event.members;
  std::erase(members, config_.self);
  actions.push_back(Asked{id, event.question, question.until});
  divide(now, id, question, std::move(members), config_.fanout, actions);
}

void Gather::heard(Instant now, NodeId from, const Down& what, Actions& actions) {
  auto found = questions_.find(what.id);
  if (found == questions_.end()) {
    if (what.id.origin == config_.self) return;
    if (!has_room_for(what)) {
      actions.push_back(Pass{from, Up{what.id, {}, {}}});  // if it is lost, `from` asks again
      return;
    }
    found = questions_.emplace(what.id, Question{}).first;
    found->second.question = what.question;
    found->second.until = now + std::min(what.patience, longest_patience);
    found->second.parents[from];
    actions.push_back(Pass{from, Got{what.id}});
    actions.push_back(Asked{what.id, what.question, found->second.until, what.again});
    return divide(now, what.id, found->second, what.below, config_.fanout, actions);
  }
  Question& question = found->second;
  actions.push_back(Pass{from, Got{what.id}});
  if (what.id.origin == config_.self) return;
  Parent& parent = question.parents[from];
  // Another one asks, since the first one is held to be gone: perhaps for members that nobody has asked here.
  std::vector<NodeId> others;
  for (const NodeId node : what.below)
    if (!question.reached.contains(node) && !is_asked(question, node)) others.push_back(node);
  if (others.empty()) {
    if (!question.is_said) return;
    parent = {};  // it has perhaps forgotten what it was told
    return say(now, what.id, question, from, parent, actions);
  }
  question.is_said = false;
  parent = {};
  divide(now, what.id, question, std::move(others), config_.fanout, actions);
}

bool Gather::is_asked(const Question& question, NodeId node) {
  return std::ranges::any_of(question.children, [node](const auto& entry) {
    const std::vector<NodeId>& below = entry.second.below;
    return entry.first == node || (!entry.second.is_over && std::ranges::find(below, node) != below.end());
  });
}

// Each of `among` is asked with an equal part of the rest below it.
void Gather::divide(Instant now, const CastId& id, Question& question, std::vector<NodeId> below,
                    std::size_t among, Actions& actions) {
  std::erase_if(below, [&](NodeId node) {
    return node == config_.self || node == id.origin || question.parents.contains(node);
  });
  among = std::min(among, below.size());
  for (std::size_t i = 0; i < among; ++i) {
    const std::size_t begin = below.size() * i / among, end = below.size() * (i + 1) / among;
    Child& child = question.children[below[begin]];
    child = {};
    for (std::size_t k = begin + 1; k < end; ++k) child.below.push_back(below[k]);
    ask(now, id, question, below[begin], child, actions);
  }
  say_if_complete(now, id, question, actions);
}

void Gather::ask(Instant now, const CastId& id, const Question& question, NodeId to, Child& child,
                 Actions& actions) {
  ++child.tries;
  child.again = now + config_.resend;
  const Duration left = std::max(Duration{}, question.until - now);
  actions.push_back(Pass{to, Down{id, below_patience(left), child.below, question.question, child.has_it},
                         child.has_it || child.tries > 2});
}

// However often: that it is gone others find out.
void Gather::ask_again(Instant now, const CastId& id, const Question& question, NodeId to, Child& child,
                       Actions& actions) {
  ask(now, id, question, to, child, actions);
  child.check = std::min(2 * child.check, config_.longest_check);
  child.again = now + child.check;
}

void Gather::heard(Instant now, NodeId from, const Got& what, Actions&) {
  const auto found = questions_.find(what.id);
  if (found == questions_.end()) return;
  const auto child = found->second.children.find(from);
  if (child == found->second.children.end() || child->second.has_it) return;
  child->second.has_it = true;
  child->second.check = config_.check;
  child->second.again = COORD_RULE_OR(who_has_it_is_asked_again, now + config_.check, found->second.until);
}

void Gather::on(Instant now, const Died& event, Actions& actions) {
  for (auto& [id, question] : questions_) {
    const auto child = question.children.find(event.node);
    if (question.is_said || child == question.children.end() || child->second.is_over) continue;
    lose(now, id, question, event.node, actions);
  }
}

// What is below it is asked through the first of these.
void Gather::lose(Instant now, const CastId& id, Question& question, NodeId node, Actions& actions) {
  Child& child = question.children.at(node);
  child.is_over = true;
  std::vector<NodeId> below = std::exchange(child.below, {});
  if (!COORD_RULE_OR(who_is_lost_takes_nobody_along, true, false)) below.clear();
  divide(now, id, question, std::move(below), 1, actions);
}

// ---- up

void Gather::on(Instant now, const Own& event, Actions& actions) {
  const auto found = questions_.find(event.id);
  if (found == questions_.end() || found->second.is_said) return;
  found->second.own = event.answers;
  found->second.own_is_complete = event.is_complete;
  found->second.own_is_cut = event.is_cut;
  say_if_complete(now, event.id, found->second, actions);
}

void Gather::heard(Instant now, NodeId from, const Up& what, Actions& actions) {
  actions.push_back(Pass{from, Thanks{what.id}});
  const auto found = questions_.find(what.id);
  if (found == questions_.end() || found->second.is_said) return;
  const auto child = found->second.children.find(from);
  if (child == found->second.children.end()) return;
  if (what.reached.empty()) return lose(now, what.id, found->second, from, actions);
  take(found->second, what);
  child->second.is_over = true;
  say_if_complete(now, what.id, found->second, actions);
}

// Who was held to be gone, or was asked through two, is counted once.
void Gather::take(Question& question, const Up& what) {
  std::set<NodeId> known{config_.self};
  for (const Share& share : question.shares) known.insert(share.node);
  for (const Share& share : what.shares)
    if (COORD_RULE_OR(each_member_is_counted_once, !known.contains(share.node), true))
      question.shares.push_back(share);
  question.reached.insert(what.reached.begin(), what.reached.end());
}

void Gather::say_if_complete(Instant now, const CastId& id, Question& question, Actions& actions) {
  const bool all =
      std::ranges::all_of(question.children, [](const auto& entry) { return entry.second.is_over; });
  if (question.is_said || !question.own_is_complete) return;
  if (!COORD_RULE_OR(all_below_are_waited_for, all, true)) return;
  question.is_said = true;
  question.said = ++last_said_;
  if (id.origin == config_.self) {
    Up up = result(id, question);
    const std::set<NodeId> reached(up.reached.begin(), up.reached.end());
    std::vector<NodeId> missing;
    for (const NodeId node : question.members)
      if (COORD_RULE_OR(who_is_missing_is_named, !reached.contains(node), false)) missing.push_back(node);
    actions.push_back(Gathered{id, std::move(up.shares), std::move(missing)});
    return;
  }
  for (auto& [node, parent] : question.parents) say(now, id, question, node, parent, actions);
}

// With what there is.
void Gather::time_is_over(Instant now, const CastId& id, Question& question, Actions& actions) {
  for (auto& [node, child] : question.children) child.is_over = true;
  if (!std::exchange(question.own_is_complete, true)) question.own_is_cut = true;
  say_if_complete(now, id, question, actions);
}

void Gather::say(Instant now, const CastId& id, const Question& question, NodeId to, Parent& parent,
                 Actions& actions) const {
  ++parent.tries;
  parent.again = now + config_.resend;
  actions.push_back(Pass{to, result(id, question), parent.tries > 2});
}

void Gather::heard(Instant, NodeId from, const Thanks& what, Actions&) {
  const auto found = questions_.find(what.id);
  if (found == questions_.end()) return;
  const auto parent = found->second.parents.find(from);
  if (parent != found->second.parents.end()) parent->second.has_thanked = true;
}

// A member whose answers there is no room for has not answered.
Up Gather::result(const CastId& id, const Question& question) const {
  std::set<NodeId> reached = question.reached;
  if (COORD_RULE_OR(only_who_has_answered_is_reached, !question.own_is_cut, true))
    reached.insert(config_.self);
  std::vector<Share> all;
  for (const Payload& answer : question.own) all.push_back({config_.self, answer});
  all.insert(all.end(), question.shares.begin(), question.shares.end());
  Up up{id, {}, {}};
  std::size_t bytes = 0;
  for (Share& share : all) {
    bytes += share.answer.size() + 16;
    if (bytes > longest_answers) {
      reached.erase(share.node);
    } else {
      up.shares.push_back(std::move(share));
    }
  }
  up.reached.assign(reached.begin(), reached.end());
  return up;
}

// ---- time

void Gather::on(Instant, const End& event, Actions&) {
  questions_.erase(event.id);
}

void Gather::on(Instant now, const Receive& event, Actions& actions) {
  if (event.from == config_.self || fault_of(event.message) != nullptr) return;
  std::visit([&](const auto& what) { heard(now, event.from, what, actions); }, event.message);
}

void Gather::on(Instant now, const Tick&, Actions& actions) {
  for (auto& [id, question] : questions_) tick(now, id, question, actions);
  std::erase_if(questions_, [&](const auto& entry) {
    const Question& question = entry.second;
    return question.is_said && now >= question.until + kept_for;
  });
}

void Gather::tick(Instant now, const CastId& id, Question& question, Actions& actions) {
  std::vector<NodeId> lost;
  for (auto& [node, child] : question.children) {
    if (question.is_said || child.is_over || child.again > now) continue;
    if (child.has_it) {
      ask_again(now, id, question, node, child, actions);
    } else if (child.tries >= config_.most_tries) {
      lost.push_back(node);
    } else {
      ask(now, id, question, node, child, actions);
    }
  }
  for (const NodeId node : lost) lose(now, id, question, node, actions);
  if (!question.is_said && question.until <= now) time_is_over(now, id, question, actions);
  if (!question.is_said) return;
  for (auto& [node, parent] : question.parents) {
    if (parent.has_thanked || parent.again > now) continue;
    if (parent.tries >= 2 * config_.most_tries) {
      parent.has_thanked = true;  // it is gone
    } else {
      say(now, id, question, node, parent, actions);
    }
  }
}

// ---- messages

const char* fault_of(const GatherMessage& message) {
  if (const char* const why = std::visit([](const auto& what) { return fault_of(what.id); }, message))
    return why;
  if (const auto* down = std::get_if<Down>(&message)) {
    if (down->patience < Duration{}) return "its time cannot be";
    return down->below.size() > most_asked || down->question.size() > longest_question ? "it is too long"
                                                                                       : nullptr;
  }
  const auto* up = std::get_if<Up>(&message);
  return up != nullptr && (up->shares.size() > 4 * most_asked || up->reached.size() > most_asked)
             ? "it is too long"
             : nullptr;
}

std::string text(const GatherMessage& message) {
  if (const auto* down = std::get_if<Down>(&message))
    return fmt::format("ask, and {} below", down->below.size());
  if (std::holds_alternative<Got>(message)) return "I have the question";
  if (const auto* up = std::get_if<Up>(&message))
    return fmt::format("{} answers of {}", up->shares.size(), up->reached.size());
  return "I have the answers";
}

}  // namespace coord::broadcast
