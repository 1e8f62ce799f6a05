// SPDX-License-Identifier: MIT
// Hosts that came to the group later and do not vote: this one may be such a host, and any peer takes others
// in. Who they are stands in the replicated state; which links there may be goes by that.
#include <algorithm>
#include <ctime>
#include <utility>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/introducing.hpp"
#include "daemon/joining.hpp"
#include "daemon/ring_hosts.hpp"
#include "daemon/system_random.hpp"
#include "net/introduction.hpp"
#include "process/boot_time.hpp"
#include "replica/forwarder.hpp"

namespace coord::daemon {

namespace {

constexpr Duration look_at_members_every = std::chrono::milliseconds(500);
constexpr Duration introduction_patience = std::chrono::seconds(2);
// Its tools wait, and what it holds is not guarded until it goes on by what it knew.
constexpr Duration patience_of_a_former_member = std::chrono::milliseconds(700);
constexpr Duration learner_patience = std::chrono::seconds(10);  // without a leader
constexpr Duration asks_again_after = std::chrono::seconds(5);   // without a voter
constexpr Duration told_within = std::chrono::seconds(2);        // that it is of the group no more

}  // namespace

// ---- this host is one

Status Daemon::come_to_group() {
  if (!settings_.joins()) {
    auto file = read_member_file(*disk_);
    if (!file) return file.error();
    if (!*file) return done();
    if ((*file)->node == net::Roster::founding_id(settings_.name) && (*file)->name == settings_.name)
      return go_by_file(std::move(**file));
    return Error{ErrorKind::usage, settings_.options.state_dir,
                 "is of a host that came to its group with --join",
                 "start it so, or give it an empty directory"};
  }
  return join(*disk_, settings_, asker());
}

// Used on other threads, too: it has a copy of the keys.
Asker Daemon::asker() const {
  const auto patience = [](const wire::IntroductionQuestion& question) {
    return question.node != NodeId{} ? patience_of_a_former_member : introduction_patience;
  };
  const auto ask = [=, keys = *settings_.keys](const net::Address& address,
                                               const wire::IntroductionQuestion& question) {
    return net::ask_introduction(keys, address, question, patience(question));
  };
  const auto ask_any = [=, keys = *settings_.keys](const std::vector<net::Address>& addresses,
                                                   const wire::IntroductionQuestion& question) {
    return net::ask_introduction_of_any(keys, addresses, question, patience(question));
  };
  const auto wait = [](Duration time) {
    const timespec left{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
    (void)::nanosleep(&left, nullptr);
  };
  return {ask, ask_any, wait, from_system_random<std::uint64_t>, log_};
}

// A founder that votes no longer, or did once.
Status Daemon::go_by_file(MemberFile file) {
  const bool keep = settings_.keep_log.value_or(file.keeps_log);
  if (keep != std::exchange(file.keeps_log, keep)) {
    if (Status written = write_member_file(*disk_, file); !written) return written;
  }
  settings_.keep_log = keep;
  if (keep) return done();
  settings_.group = file.group;
  settings_.level = file.level;
  for (const auto& [id, node] : settings_.roster.all()) settings_.roster.set_voter(id, false);
  for (const wire::KnownPeer& peer : file.voters) {
    const auto address = net::parse_address(peer.address);
    if (settings_.roster.find(peer.node) == nullptr && address)
      (void)settings_.roster.admit({peer.node, peer.name, *address, false, false});
    if (settings_.roster.find(peer.node) != nullptr) settings_.roster.set_voter(peer.node, peer.votes);
  }
  return done();
}

// What a founder that votes no longer goes by from its next start on.
Status Daemon::remember_group(const std::string& group) {
  MemberFile file;
  file.group = group;
  file.name = settings_.name;
  file.node = settings_.node;
  file.level = node_->log().speaks();
  file.address = settings_.roster.find(settings_.node)->address.text();
  for (const NodeId id : voters()) {
    const net::Roster::Node* const node = settings_.roster.find(id);
    if (node != nullptr) file.voters.push_back({id, node->name, node->address.text(), true});
  }
  return write_member_file(*disk_, file);
}

bool Daemon::keeps_log() const {
  return settings_.keep_log.value_or(!settings_.joins());
}

void Daemon::begin_anew(bool keep_log, const std::string& why) {
  if (ended_) return;
  log_(net::LogLevel::info, fmt::format("{}: begins anew", why));
  begins_anew_ = keep_log;
  stop(std::nullopt);
}

// Out of the voters, and of those who learn: it serves its host as a host without a vote does. One that only
// learnt and was away meanwhile is told nothing: it finds nobody who leads.
void Daemon::look_whether_removed() {
  const raft::Raft& raft = node_->voter()->raft();
  const Instant now = process::boot_now();
  const bool only_learns = raft.role() == raft::Role::follower && !raft.recovering() &&
                           (settings_.joins() || raft.voters_index() != LogIndex{}) &&
                           !raft.voters().votes(settings_.node);
  if (!only_learns || node_->log().leader() != NodeId{}) {
    voter_lost_.reset();
  } else if (!voter_lost_) {
    voter_lost_ = now;
  }
  const bool lost = voter_lost_ && now - *voter_lost_ > learner_patience;
  if (!raft.is_removed()) {
    removed_since_.reset();
  } else if (!removed_since_) {
    removed_since_ = now;
  }
  // Its leader goes on telling it the change until it knows that this host has heard of it.
  const bool removed = removed_since_ && now - *removed_since_ > 2 * settings_.options.election_high;
  if (!removed && !lost) return;
  // After a start it has applied nothing yet, and nobody will send it the log: what the others greet with
  // counts.
  const std::string group = group_id().empty() ? greeted_group_ : group_id();
  if (group.empty() || voters().empty()) return;
  if (!settings_.joins()) {
    if (const Status written = remember_group(group); !written) return stop(written.error());
  }
  begin_anew(false, lost ? "no voter has been heard of" : "this host does not vote any more");
}

Status Daemon::recover_as_member(const node::MakeParts& parts, const MakeWorkers& workers) {
  replica::Forwarder::Config config;
  config.self = settings_.node;
  std::vector<NodeId> founders;
  for (const auto& [id, node] : settings_.roster.all()) {
    if (node.voter) config.voters.push_back(id);
    if (node.founder) founders.push_back(id);
  }
  config.speaks = settings_.level;
  config.life = settings_.life;
  config.name = settings_.name;
  config.zone = settings_.options.zone;
  config.address = settings_.roster.find(settings_.node)->address.text();
  config.query_patience = std::max(config.query_patience, leader_patience() + std::chrono::seconds(1));
  auto log = std::make_unique<replica::Forwarder>(
      std::move(config), Random(from_system_random<std::uint64_t>()), process::boot_now());
  return begin(replica::ReplicatedService(std::move(log), sessions_config()), std::move(founders), parts,
               workers);
}

// Beside all that it does: where the group is, and whether this host is of it.
void Daemon::ask_again() {
  if (asking_again_ || ended_) return;
  const auto told = [this](Result<Settings> what) {
    asking_again_.reset();
    voter_lost_.reset();
    if (!what) return stop(what.error());
    log_(net::LogLevel::info, "join: the group has answered");
    // Where the others are; what this host is does not change.
    settings_.roster = what->roster;
    settings_.admitted_at = what->admitted_at;
    for (const auto& [id, node] : settings_.roster.all())
      if (node.founder) listed_[id] = node.address;
    told_group_.clear();
    std::vector<NodeId> vote;
    for (const auto& [id, node] : settings_.roster.all())
      if (node.voter) vote.push_back(id);
    push(replica::KnownVoters{std::move(vote)});
  };
  Settings settings = settings_;
  settings.registered_at = registered_at_;
  asking_again_ = std::make_unique<AskingAgain>(io_, *disk_, std::move(settings), asker(), told);
}

// Of a host that does not vote: it follows.
raft::Role Daemon::role() const {
  return node_->voter() == nullptr ? raft::Role::follower : node_->voter()->raft().role();
}

// ---- who is in the group

std::string Daemon::group_id() const {
  if (!founding_.empty()) return founding_;
  // What was told when this host came: of a group that was founded anew the state has another one.
  if (!settings_.group.empty()) return settings_.group;
  const service::GroupId& group = node_->log().machine().state().group;
  if (group != service::GroupId{}) return service::text_of(group);
  // After a start nothing of the log is applied before somebody leads.
  return role() == raft::Role::bootstrap ? std::string() : book_.group;
}

std::vector<NodeId> Daemon::voters() const {
  if (settings_.is_gateway()) return {};
  if (const auto* voter = node_->voter()) return voter->raft().voters().voters;
  return dynamic_cast<const replica::Forwarder&>(node_->log()).voters();
}

// After each batch: what is applied says who may have links, and in which group.
void Daemon::look_at_roster() {
  if (!transport_) return;
  const LogIndex at = node_->log().machine().state().roster_at;
  const std::vector<NodeId> vote = voters();
  const bool by_book = goes_by_book();
  const bool is_same = at == roster_at_ && vote == voters_ && by_book == went_by_book_ && !has_departed();
  if (is_same && !told_group_.empty()) return;
  const std::string group = group_id();
  if (is_same && group == told_group_) return;
  roster_at_ = at;
  voters_ = vote;
  went_by_book_ = by_book;
  told_group_ = group;
  net::Roster roster;
  for (const auto& [id, node] : settings_.roster.all())
    if (node.founder || id == settings_.node || (node.voter && !node_->log().has_begun()))
      (void)roster.admit(at_its_address(node));
  add_members(roster);
  add_known(roster);
  add_departing(roster);
  for (const auto& [id, node] : roster.all()) roster.set_voter(id, std::ranges::find(vote, id) != vote.end());
  transport_->update(roster, group);
  settings_.roster = std::move(roster);
  write_addresses();
}

// Of another host's name, number or address nobody is to hear who has one of its own here.
void Daemon::add_members(net::Roster& roster) const {
  for (const auto& [id, registration] : node_->log().machine().state().registrations) {
    if (registration.name.empty() || roster.find(id) != nullptr) continue;
    const auto address = net::parse_address(registration.reached_at());
    if (!address || address->host.empty() || address->port == 0 || !is_peer_name(registration.name)) continue;
    (void)roster.admit({id, registration.name, *address, false, false});
  }
}

// Who is of the group no more is told so over the link that it has: that stays for a moment, unless another
// host has its name.
void Daemon::add_departing(net::Roster& roster) {
  const Instant now = process::boot_now();
  for (const auto& [id, node] : settings_.roster.all()) {
    if (roster.find(id) != nullptr) {
      departing_.erase(id);
      continue;
    }
    const auto until = departing_.try_emplace(id, now + told_within).first->second;
    if (now < until) (void)roster.admit({id, node.name, node.address, false, false});
  }
  std::erase_if(departing_, [&](const auto& each) { return roster.find(each.first) == nullptr; });
}

bool Daemon::has_departed() const {
  const Instant now = process::boot_now();
  return std::ranges::any_of(departing_, [now](const auto& each) { return now >= each.second; });
}

// ---- who is heard no more

bool Daemon::is_heard(NodeId node) const {
  const auto* members = membership();
  const auto view = members == nullptr ? std::nullopt : members->view(process::boot_now(), node);
  return view && membership::is_present(view->member.state);
}

// Each voter remembers whom it has heard, and the one that leads says so in the log: what it was told before
// it led counts, what an earlier life was told does not. Only what holds nothing can be forgotten.
void Daemon::look_at_members() {
  const Instant now = process::boot_now();
  if (node_->voter() == nullptr || !transport_ || now < members_seen_ + look_at_members_every) return;
  members_seen_ = now;
  const service::StateMachine& machine = node_->log().machine();
  std::map<NodeId, Instant> heard;
  for (const auto& [id, registration] : machine.state().registrations) {
    const net::Roster::Node* const node = settings_.roster.find(id);
    if (node != nullptr && node->voter) continue;
    if (node_->voter()->raft().voters().has(id)) continue;
    const auto before = heard_.find(id);
    heard[id] = before == heard_.end() || is_heard(id) ? now : before->second;
    if (role() != raft::Role::leader || now - heard[id] < settings_.options.forget_after) continue;
    // What is held there goes on, and copies of a ring's keys may be the last ones.
    if (!machine.sessions_of(id).empty() || ring_of(machine.state(), id) != nullptr) continue;
    log_(net::LogLevel::info,
         fmt::format("host {}: nobody has heard of it for {} s: it is of the group no more",
                     registration.name.empty() ? "without a name" : registration.name,
                     (now - heard[id]) / std::chrono::seconds(1)));
    push(replica::PutIntoLog{service::Forget{id, registration.client}});
  }
  heard_ = std::move(heard);
}

// A host that the group has forgotten comes to it anew: by its next start, which asks for that.
void Daemon::look_at_own_place() {
  if (settings_.alone()) return;
  if (node_->voter() != nullptr) return look_whether_removed();
  if (dynamic_cast<const replica::Forwarder&>(node_->log()).is_sent_log())
    return begin_anew(true, "this host is sent the log: it is to vote");
  const service::State& state = node_->log().machine().state();
  // A voter that lags behind the one that has introduced this host knows nothing of it yet.
  const bool is_behind = state.applied < settings_.admitted_at;
  const bool registered = state.registrations.contains(settings_.node);
  const std::string object = fmt::format("'{}'", settings_.name);
  if (registered_at_ && !registered)
    return stop(Error{ErrorKind::unavailable, object, "this host was removed from the group",
                      "start it again to come back"});
  if (registered) registered_at_ = state.applied;
  if (!is_behind) look_at_own_name(state);
  const Instant now = process::boot_now();
  if (node_->log().leader() != NodeId{}) {
    voter_lost_.reset();
  } else if (!voter_lost_) {
    voter_lost_ = now;
  } else if (settings_.joins() && now - *voter_lost_ > asks_again_after) {
    ask_again();
  }
  if (voter_lost_ && now - *voter_lost_ > settings_.options.forget_after) {
    stop(Error{ErrorKind::unavailable, object,
               "no voter has answered for so long that the group may have forgotten this host",
               "start it again"});
  }
}

// Its name is another host's: that one was told that this one does not live. If it lives itself this one
// ends; if it is gone, this one takes its name back (joining.hpp).
void Daemon::look_at_own_name(const service::State& state) {
  if (!settings_.joins() || asking_again_ || state.roster_at == name_looked_at_) return;
  const auto other = std::ranges::find_if(state.registrations, [this](const auto& each) {
    return each.first != settings_.node && each.second.name == settings_.name;
  });
  // As long as it is lost it is looked at again.
  if (other == state.registrations.end()) name_looked_at_ = state.roster_at;
  if (other == state.registrations.end()) return;
  log_(net::LogLevel::warning,
       fmt::format("join: another host, at {}, has come to the group under this name: asks whether it lives",
                   other->second.reached_at()));
  ask_again();
}

// ---- another host asks

std::optional<wire::Introduction> Daemon::introduce(const wire::IntroductionQuestion& question,
                                                    const std::string& source) {
  if (ended_ || !node_) return std::nullopt;
  is_reminded(question, source);
  const replica::OrderedLog& log = node_->log();
  Introduced told = daemon::introduce({settings_.name, log.life(), group_id(), log.has_begun(),
                                       log.has_quorum(), settings_.roster, log.machine()},
                                      question, source);
  if (told.admit) push(replica::PutIntoLog{std::move(*told.admit)});
  return std::move(told.answer);
}

}  // namespace coord::daemon
