#include "replica/enrolments.hpp"

#include <utility>

#include "base/lease.hpp"

namespace coord::replica {

namespace {

constexpr std::uint64_t only_request = 1;

}  // namespace

Submit Enrolments::submit(const std::string& name, service::Body body) {
  const std::uint64_t ticket = enrolled_mark | next_ticket_++;
  if (!name.empty()) tickets_.emplace(ticket, name);
  return Submit{ticket, std::move(body)};
}

std::vector<Submit> Enrolments::on(Instant now, const Applied& event, service::ClientId client,
                                   const service::Machine& machine) {
  if (!registered_ && client != service::ClientId{}) registered_ = due_ = true;
  for (const service::Effect& effect : event.effects) {
    due_ = due_ || std::holds_alternative<service::LeadershipChanged>(effect) ||
           std::holds_alternative<service::StepDown>(effect);
  }
  return review(now, machine);
}

std::vector<Submit> Enrolments::on(Instant now, const Replaced&, service::ClientId client,
                                   const service::Machine& machine) {
  registered_ = client != service::ClientId{};
  due_ = true;
  return review(now, machine);
}

std::vector<Submit> Enrolments::on(Instant now, const Outcome& event, const service::Machine& machine) {
  due_ = true;
  if (renewing_ == event.ticket) renewing_.reset();
  const auto found = tickets_.find(event.ticket);
  if (found != tickets_.end()) {
    const std::string name = std::move(found->second);
    tickets_.erase(found);
    const auto standing = standings_.find(name);
    if (standing != standings_.end()) {
      standing->second.asking = false;
      const bool stands =
          event.what.kind == service::OutcomeKind::granted || event.what.kind == service::OutcomeKind::queued;
      standing->second.session = stands ? event.what.session : SessionId{};
      if (!stands && event.what.kind != service::OutcomeKind::closed)
        standing->second.not_before = now + config_.retry;
    }
  }
  return review(now, machine);
}

std::vector<Submit> Enrolments::tick(Instant now, const service::Machine& machine) {
  std::vector<Submit> out;
  const std::optional<Instant> next = deadline();
  if (!next || now < *next) return out;
  due_ = true;
  out = review(now, machine);
  if (renewing_ || now < lease::renew_at(renewed_, config_.ttl)) return out;
  service::Renew renew;
  for (const auto& [name, standing] : standings_) {
    if (standing.session != SessionId{} && renew.sessions.size() < machine.limits().sessions_a_renew)
      renew.sessions.push_back(standing.session);
  }
  renewed_ = now;
  if (renew.sessions.empty()) return out;
  out.push_back(submit({}, std::move(renew)));
  renewing_ = out.back().ticket;
  return out;
}

std::optional<Instant> Enrolments::deadline() const {
  std::optional<Instant> next;
  if (!registered_) return next;
  for (const auto& [name, standing] : standings_) {
    std::optional<Instant> at;
    if (standing.session != SessionId{} && !renewing_) at = lease::renew_at(renewed_, config_.ttl);
    if (standing.session == SessionId{} && !standing.asking) at = standing.not_before;
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

// The session that this host's earlier process stood with.
SessionId Enrolments::left_by_earlier_life(const std::string& name, const service::Machine& machine) const {
  const auto& all = machine.state().elections.leaderships;
  const auto found = all.find(name);
  if (found == all.end()) return {};
  for (const auto& [place, candidate] : found->second.candidates) {
    const service::Session* session = machine.session(candidate.session);
    if (candidate.wish.enrolled && session != nullptr && session->node == config_.self)
      return candidate.session;
  }
  return {};
}

void Enrolments::leave(const std::string& name, Standing& standing, std::vector<Submit>& out) {
  standing.asking = true;
  out.push_back(submit(name, service::Close{standing.session, service::CloseReason::finished}));
}

std::vector<Submit> Enrolments::review(Instant now, const service::Machine& machine) {
  std::vector<Submit> out;
  if (!registered_ || !due_) return out;
  due_ = false;
  std::map<std::string, service::Enrolment> wanted;
  for (const auto& [name, nodes] : machine.state().elections.enrolled) {
    const auto here = nodes.find(config_.self);
    if (here != nodes.end()) wanted.emplace(name, here->second);
  }
  for (const auto& [name, as] : wanted) look_after(now, name, as, machine, out);
  for (auto it = standings_.begin(); it != standings_.end();) {
    Standing& standing = it->second;
    const bool over = !standing.asking && standing.session == SessionId{};
    if (!wanted.contains(it->first) && !standing.asking && standing.session != SessionId{})
      leave(it->first, standing, out);
    it = !wanted.contains(it->first) && over ? standings_.erase(it) : std::next(it);
  }
  return out;
}

void Enrolments::look_after(Instant now, const std::string& name, const service::Enrolment& as,
                            const service::Machine& machine, std::vector<Submit>& out) {
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
    if (deposed || standing.as != as) leave(name, standing, out);
    return;
  }
  standing.session = {};
  if (now < standing.not_before) return;
  service::Owner owner;
  owner.peer = config_.peer;
  owner.host = config_.host;
  owner.uid = as.uid;
  owner.user = as.user;
  owner.command = "enrolled";
  service::Acquire campaign;
  campaign.open = service::Open{std::move(owner), config_.ttl, enrolled_mark};
  campaign.request = only_request;
  campaign.names = {name};
  service::Candidacy wish;
  wish.priority = as.priority;
  wish.value = as.value;
  wish.enrolled = true;
  campaign.candidacy = std::move(wish);
  standing.asking = true;
  standing.as = as;
  out.push_back(submit(name, std::move(campaign)));
}

}  // namespace coord::replica
