// SPDX-License-Identifier: MIT
#include "replica/engine_keepers.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::replica {

namespace {

constexpr Duration a_rank = std::chrono::milliseconds(500);
constexpr Duration without_rank = std::chrono::seconds(2), of_the_idle = std::chrono::seconds(4);
constexpr Duration say_again = std::chrono::seconds(1);
constexpr Duration longest_default = std::chrono::seconds(30);

Duration longest_ttl(const service::StateMachine& machine) {
  Duration longest{};
  for (const auto& [id, session] : machine.state().sessions) longest = std::max(longest, session.ttl);
  return longest == Duration{} ? longest_default : longest;
}

}  // namespace

bool EngineKeepers::judge(const EngineEntry& entry, const service::Expire& said,
                          const service::StateMachine& machine) {
  const service::Session* session = machine.session(said.session);
  if (session == nullptr || session->renewal != said.renewal) return true;  // void, as the machine says
  const auto found = words_.find(said.session);
  const bool is_new = found == words_.end() || found->second.renewal != said.renewal;
  const bool counts = !is_new && (entry.kind == EngineEntry::Kind::again || found->second.node != entry.node);
  if (!COORD_RULE(one_clock_ends_no_lease, counts)) {
    if (is_new) words_[said.session] = {said.renewal, entry.node};
    return false;
  }
  words_.erase(said.session);
  return true;
}

void EngineKeepers::tidy(const service::StateMachine& machine) {
  std::erase_if(words_, [&](const auto& each) {
    const service::Session* session = machine.session(each.first);
    return session == nullptr || session->renewal != each.second.renewal;
  });
}

void EngineKeepers::began(Instant now, const service::StateMachine& machine) {
  timers_.became_leader(now, machine);
  expiries_.clear();
  timers_from_.clear();
  for (const auto& [node, registration] : machine.state().registrations) known_since_.try_emplace(node, now);
  const auto is_gone = [&](const auto& each) { return !machine.state().registrations.contains(each.first); };
  std::erase_if(known_since_, is_gone);
  std::erase_if(heard_, is_gone);
}

// By one of them, mostly: each looks at times of its own.
std::vector<service::Command> EngineKeepers::silent(Instant now, const service::StateMachine& machine,
                                                    Duration after, Random& random) {
  std::vector<service::Command> forgets;
  const Instant look = now + random.between(after / 100, after / 20);
  if (!silent_at_) silent_at_ = look;
  if (now < *silent_at_) return forgets;
  silent_at_ = look;
  for (const auto& [node, registration] : machine.state().registrations) {
    const Instant since = known_since_.try_emplace(node, now).first->second;
    const Instant last = std::max(since, heard(node).value_or(since));
    if (node == self_ || now < last + after || !machine.sessions_of(node).empty()) continue;
    service::Command command;
    command.node = self_;
    command.body = service::Forget{node, registration.client};
    forgets.push_back(std::move(command));
  }
  return forgets;
}

bool EngineKeepers::is_idle(const service::StateMachine& machine) const {
  return machine.sessions_of(self_).empty();
}

std::optional<std::size_t> EngineKeepers::rank(Instant now, const service::StateMachine& machine) const {
  const Duration within = longest_ttl(machine) / 2;
  const auto is_heard = [&](NodeId node) {
    const auto heard = heard_.find(node);
    return heard != heard_.end() && now < heard->second + within;
  };
  const service::ClientId own = machine.registration(self_);
  if (own == service::ClientId{} || !is_heard(self_)) return std::nullopt;
  std::size_t before = 0;
  for (const auto& [node, registration] : machine.state().registrations) {
    if (registration.client < own && is_heard(node)) ++before;
  }
  return before;
}

Duration EngineKeepers::patience(Instant now, const service::StateMachine& machine, Random& random) const {
  if (is_idle(machine)) return of_the_idle + random.between(Duration{}, a_rank * 2);
  const auto place = rank(now, machine);
  if (place) return a_rank * static_cast<Duration::rep>(*place);
  return without_rank + random.between(Duration{}, a_rank * 2);
}

std::vector<EngineKeepers::Word> EngineKeepers::due(Instant now, WallTime wall,
                                                    const service::StateMachine& machine, Random& random) {
  std::vector<Word> words;
  for (service::Command& command : timers_.due(now, wall, machine)) {
    command.node = self_;
    if (const auto* over = std::get_if<service::TimerOver>(&command.body)) {
      const std::pair key(over->kind, over->token);
      const auto [from, is_new] = timers_from_.try_emplace(key, now);
      if (is_new) from->second = now + patience(now, machine, random);
      if (now >= from->second) words.push_back({std::move(command), false});
      continue;
    }
    const auto& expire = std::get<service::Expire>(command.body);
    auto [found, is_new] = expiries_.try_emplace(expire.session);
    Saying& saying = found->second;
    if (is_new || saying.renewal != expire.renewal)
      saying = Saying{now + patience(now, machine, random), {}, {}, expire.renewal};
    const auto word = words_.find(expire.session);
    const bool is_ours =
        word != words_.end() && word->second.renewal == expire.renewal && word->second.node == self_;
    if (is_ours && !saying.shown) saying.shown = now;
    if (!is_ours) saying.shown.reset();
    const service::Session* session = machine.session(expire.session);
    const bool again = saying.shown.has_value();
    if (again && now < *saying.shown + session->ttl / 4) continue;
    if (now < saying.from) continue;
    const bool first_again = again && saying.said && *saying.said < *saying.shown + session->ttl / 4;
    const bool is_due = !saying.said || first_again || now >= *saying.said + say_again;
    if (!COORD_RULE_OR(lost_words_are_said_again, is_due, !saying.said || first_again)) continue;
    saying.said = now;
    words.push_back({std::move(command), again});
  }
  std::erase_if(expiries_, [&](const auto& each) { return machine.session(each.first) == nullptr; });
  std::erase_if(timers_from_,
                [&](const auto& each) { return !machine.timer_runs(each.first.first, each.first.second); });
  return words;
}

}  // namespace coord::replica
