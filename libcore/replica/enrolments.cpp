// SPDX-License-Identifier: MIT
#include "replica/enrolments.hpp"

#include <utility>

#include "base/lease.hpp"

namespace coord::replica {

namespace {

constexpr std::uint64_t only_request = 1;
constexpr Duration retry = std::chrono::seconds(1);  // after a refusal

}  // namespace

// An Acquire or a Close.
void Enrolments::submit(const std::string& name, service::Body body) {
  ledger_.submit(std::move(body), [this, name](const Ledger::Heard& of) { heard(of, name); });
}

void Enrolments::on(Instant now, const Applied& event, service::ClientId client,
                    const service::StateMachine& machine) {
  if (!registered_ && client != service::ClientId{}) registered_ = due_ = true;
  for (const service::Effect& effect : event.effects) {
    due_ = due_ || std::holds_alternative<service::LeadershipChanged>(effect) ||
           std::holds_alternative<service::StepDown>(effect);
  }
  review(now, machine);
}

void Enrolments::on(Instant now, const Replaced&, service::ClientId client,
                    const service::StateMachine& machine) {
  registered_ = client != service::ClientId{};
  due_ = true;
  review(now, machine);
}

void Enrolments::heard(const Ledger::Heard& heard, const std::string& name) {
  due_ = true;
  const auto standing = standings_.find(name);
  if (standing != standings_.end()) {
    const service::Outcome& what = heard.what.what;
    standing->second.asking = false;
    const bool stands =
        what.kind == service::OutcomeKind::granted || what.kind == service::OutcomeKind::queued;
    standing->second.session = stands ? what.session : SessionId{};
    if (!stands && what.kind != service::OutcomeKind::closed) standing->second.not_before = heard.now + retry;
  }
  review(heard.now, heard.machine);
}

void Enrolments::tick(Instant now, const service::StateMachine& machine) {
  const std::optional<Instant> next = deadline();
  if (!next || now < *next) return;
  due_ = true;
  review(now, machine);
  if (renewing_ || now < lease::renew_at(renewed_, ledger_.config.enrolment_ttl)) return;
  service::Renew renew;
  for (const auto& [name, standing] : standings_) {
    if (standing.session != SessionId{} && renew.sessions.size() < machine.limits().sessions_a_renew)
      renew.sessions.push_back(standing.session);
  }
  renewed_ = now;
  if (renew.sessions.empty()) return;
  renewing_ = true;
  ledger_.submit(std::move(renew), [this](const Ledger::Heard& heard) {
    renewing_ = false;
    due_ = true;
    review(heard.now, heard.machine);
  });
}

std::optional<Instant> Enrolments::deadline() const {
  std::optional<Instant> next;
  if (!registered_) return next;
  for (const auto& [name, standing] : standings_) {
    std::optional<Instant> at;
    if (standing.session != SessionId{} && !renewing_)
      at = lease::renew_at(renewed_, ledger_.config.enrolment_ttl);
    if (standing.session == SessionId{} && !standing.asking) at = standing.not_before;
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

// The session that this host's earlier process stood with.
SessionId Enrolments::left_by_earlier_life(const std::string& name,
                                           const service::StateMachine& machine) const {
  const auto& all = machine.state().elections.leaderships;
  const auto found = all.find(name);
  if (found == all.end()) return {};
  for (const auto& [place, candidate] : found->second.candidates) {
    const service::Session* session = machine.session(candidate.session);
    if (candidate.wish.enrolled && session != nullptr && session->node == ledger_.config.self)
      return candidate.session;
  }
  return {};
}

void Enrolments::leave(const std::string& name, Standing& standing) {
  standing.asking = true;
  submit(name, service::Close{standing.session, service::CloseReason::finished});
}

void Enrolments::review(Instant now, const service::StateMachine& machine) {
  if (!registered_ || !due_) return;
  due_ = false;
  std::map<std::string, service::Enrolment> wanted;
  for (const auto& [name, nodes] : machine.state().elections.enrolled) {
    const auto here = nodes.find(ledger_.config.self);
    if (here != nodes.end()) wanted.emplace(name, here->second);
  }
  for (const auto& [name, as] : wanted) look_after(now, name, as, machine);
  for (auto it = standings_.begin(); it != standings_.end();) {
    Standing& standing = it->second;
    const bool over = !standing.asking && standing.session == SessionId{};
    if (!wanted.contains(it->first) && !standing.asking && standing.session != SessionId{})
      leave(it->first, standing);
    it = !wanted.contains(it->first) && over ? standings_.erase(it) : std::next(it);
  }
}

void Enrolments::look_after(Instant now, const std::string& name, const service::Enrolment& as,
                            const service::StateMachine& machine) {
  Standing& standing = standings_[name];
  if (standing.asking) return;
  if (standing.session == SessionId{}) {
    standing.session = left_by_earlier_life(name, machine);
    if (standing.session != SessionId{}) {
      standing.as = as;
      renewed_ = Instant{};  // at once
    }
  }
  const service::Candidate* stands =
      machine.of<service::Elections>().candidate(standing.session, only_request);
  if (stands != nullptr) {
    const service::Leadership& leadership = machine.state().elections.leaderships.at(name);
    const bool deposed = leadership.deposed && leadership.leading() == stands;
    // Back to the end of the line.
    if (deposed || standing.as != as) leave(name, standing);
    return;
  }
  standing.session = {};
  if (now < standing.not_before) return;
  const Credentials whose{as.uid, as.user, {}, {}};
  service::Acquire campaign;
  campaign.open =
      service::Open{ledger_.owner(whose, 0, "enrolled"), ledger_.config.enrolment_ttl, enrolled_mark};
  campaign.request = only_request;
  campaign.names = {name};
  service::Candidacy wish;
  wish.priority = as.priority;
  wish.value = as.value;
  wish.enrolled = true;
  campaign.candidacy = std::move(wish);
  standing.asking = true;
  standing.as = as;
  submit(name, std::move(campaign));
}

}  // namespace coord::replica
