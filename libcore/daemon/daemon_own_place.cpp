// SPDX-License-Identifier: MIT
// What this host is to its group: it founded it or came later, it votes or asks those who do; and how it
// begins anew, in the same process, when that has changed.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <ctime>
#include <utility>

#include "base/format.hpp"
#include "base/small_file.hpp"
#include "daemon/daemon.hpp"
#include "daemon/joining.hpp"
#include "daemon/system_random.hpp"
#include "net/introduction.hpp"
#include "net/local_address.hpp"
#include "process/boot_time.hpp"
#include "replica/forwarder.hpp"
#include "store/segment.hpp"
#include "store/snapshot_file.hpp"

namespace coord::daemon {

namespace {

constexpr Duration introduction_patience = std::chrono::seconds(2);
// Its tools wait, and what it holds is not guarded until it goes on by what it knew.
constexpr Duration patience_of_a_former_member = std::chrono::milliseconds(700);
constexpr Duration learner_patience = std::chrono::seconds(10);  // without a leader
constexpr Duration asks_again_after = std::chrono::seconds(5);   // without a voter
constexpr Duration asks_for_vote_every = std::chrono::milliseconds(300);
// As long as it asks, and cannot catch up, nobody else's order is carried out.
constexpr Duration asks_for_vote_often_for = std::chrono::minutes(2);
constexpr Duration asks_for_vote_seldom = std::chrono::seconds(10);

bool founded_by(const MemberFile& file, NodeId node) {
  return std::ranges::find(file.founders, node) != file.founders.end();
}

Status erase_log(Disk& disk) {
  const auto names = disk.list();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!store::segment_sequence(name) && !store::snapshot_index(name)) continue;
    if (Status removed = disk.remove(name); !removed) return removed;
  }
  return disk.sync_directory();
}

}  // namespace

// The list may have been edited since the group has begun: the names that the log was made for count.
Status Daemon::go_by_founders() {
  const auto book = read_address_book(*disk_);
  if (!book || !book->founded.contains(settings_.name)) return done();
  if (!founding_.empty() && book->group != founding_) return done();  // of the former group
  const std::map<std::string, net::Address> list = settings_.roster.founders();
  const std::string how = difference_of_names(book->founded, list);
  if (how.empty()) return done();
  log_(net::LogLevel::warning,
       fmt::format("the list of peers is not that of the founding: {}: the group follows its agreed list, as "
                   "`dpeers` shows; a host that is not of it yet comes with --join",
                   how));
  settings_.roster = {};
  for (const auto& [name, where] : book->founded) {
    const auto listed = list.find(name);
    const auto address =
        listed != list.end() ? Result<net::Address>(listed->second) : net::parse_address(where);
    if (!address) return address.error();
    if (Status added = settings_.roster.found(name, *address); !added) return added;
  }
  return done();
}

Status Daemon::come_to_group() {
  if (!settings_.joins()) {
    if (!settings_.alone() && !settings_.is_gateway()) {
      if (Status known = go_by_founders(); !known) return known;
    }
    auto file = read_member_file(*disk_);
    if (!file) return file.error();
    if (!*file) return settings_.comes_anew ? come_anew() : done();
    const bool is_founder = (*file)->node == net::Roster::founding_id(settings_.name);
    if (is_founder && (*file)->name == settings_.name) return go_by_file(std::move(**file));
    if ((*file)->name == settings_.name && founded_by(**file, settings_.node)) return come_anew();
    return Error{ErrorKind::usage, settings_.options.state_dir,
                 "is of a host that came to its group with --join",
                 "start it so, or give it an empty directory"};
  }
  return come_later();
}

// With --rejoin a voter whose disk was lost gets its vote back. One that has lost nothing comes
// as it would without.
Status Daemon::come_later() {
  Asker asking = asker();
  asking.waits = [this, told = std::string()](const std::string& why) mutable {
    if (why != std::exchange(told, why)) (void)replace_small_file(*disk_, waits_file_name, why + "\n");
    if (settings_.options.waits) settings_.options.waits(why);
  };
  const Status joined = join(*disk_, settings_, asking);
  (void)disk_->remove(waits_file_name);
  if (!joined) return joined;
  registered_at_ = registration_at_ = settings_.registered_at;
  const bool rejoins = std::exchange(settings_.options.rejoin, false);
  return rejoins && settings_.lost_its_vote ? want_vote() : done();
}

// Over a restart in between, too: then the file, which an operator leaves empty, says so.
Status Daemon::want_vote() {
  if (std::exchange(wants_vote_, true)) return done();
  rejoin_asked_by_file_ = true;
  return replace_small_file(*disk_, rejoin_file_name, rejoin_wants_vote(settings_.name));
}

// A founder whose disk was lost, under another number: as a host does that comes later, with the others of
// its list as those it may ask. What stands in the directory before it has a number is a log in which nothing
// was ever written.
Status Daemon::come_anew() {
  const auto file = read_member_file(*disk_);
  if (!file) return file.error();
  if (!*file) {
    if (Status erased = erase_log(*disk_); !erased) return erased;
    log_(net::LogLevel::warning,
         settings_.options.rejoin
             ? "its disk was lost: comes to the group again, under another number, and gets its vote back"
             : "its disk was lost, and its vote was taken away: comes to the group again, under another "
               "number");
    if (settings_.options.rejoin) {
      if (Status wanted = want_vote(); !wanted) return wanted;
    }
  }
  settings_.comes_anew = true;
  settings_.join.clear();
  for (const auto& [id, node] : settings_.roster.all())
    if (id != settings_.node) settings_.join.push_back(node.address);
  if (!settings_.began_by.host.empty()) settings_.join.push_back(settings_.began_by);
  settings_.roster = {};
  settings_.node = {};
  return come_later();
}

// Used on other threads, too.
Asker Daemon::asker() const {
  asker_keys_->set(*settings_.keys);
  const auto patience = [](const wire::IntroductionQuestion& question) {
    return question.node != NodeId{} ? patience_of_a_former_member : introduction_patience;
  };
  const auto ask = [=, keys = asker_keys_](const net::Address& address,
                                           const wire::IntroductionQuestion& question) {
    return net::ask_introduction(keys->get(), address, question, patience(question));
  };
  const auto ask_any = [=, keys = asker_keys_](const std::vector<net::Address>& addresses,
                                               const wire::IntroductionQuestion& question) {
    return net::ask_introduction_of_any(keys->get(), addresses, question, patience(question));
  };
  const auto wait = [](Duration time) {
    const timespec left{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
    (void)::nanosleep(&left, nullptr);
  };
  const auto is_local = [](const std::string& host) {
    return net::is_local(host, patience_of_a_former_member);
  };
  return {ask, ask_any, wait, from_system_random<std::uint64_t>, log_, is_local};
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
  // Who votes by now, if that has changed since its own vote was taken away.
  const auto book = read_address_book(*disk_);
  if (book && book->group == file.group && !book->known.empty()) file.voters = book->known;
  settings_.known = file.voters;
  for (const auto& [id, node] : settings_.roster.all()) settings_.roster.set_voter(id, false);
  for (const wire::KnownPeer& peer : file.voters) {
    const auto address = net::parse_address(peer.address);
    if (settings_.roster.find(peer.node) == nullptr && address)
      (void)settings_.roster.admit({peer.node, peer.name, *address, false, false});
    if (settings_.roster.find(peer.node) != nullptr) settings_.roster.set_voter(peer.node, peer.votes);
  }
  return done();
}

std::vector<wire::KnownPeer> Daemon::known_voters() const {
  std::vector<wire::KnownPeer> known;
  for (const NodeId id : voters()) {
    const net::Roster::Node* const node = settings_.roster.find(id);
    if (node != nullptr) known.push_back({id, node->name, node->address.text(), true});
  }
  return known;
}

// What a founder that votes no longer goes by from its next start on.
Status Daemon::remember_group(const std::string& group, std::vector<wire::KnownPeer> vote) {
  MemberFile file;
  file.group = group;
  file.name = settings_.name;
  file.node = settings_.node;
  file.level = node_->log().speaks();
  file.address = settings_.roster.find(settings_.node)->address.text();
  file.voters = std::move(vote);
  return write_member_file(*disk_, file);
}

// Before its log promises anything.
Status Daemon::note_log(const raft::Incarnation& incarnation) {
  if (!settings_.joins()) return done();
  auto file = read_member_file(*disk_);
  if (!file || !*file) return file ? done() : file.error();
  std::string log;
  for (const std::uint8_t byte : incarnation) log += fmt::format("{:02x}", byte);
  if ((*file)->log == log) return done();
  (*file)->log = std::move(log);
  return write_member_file(*disk_, **file);
}

bool Daemon::keeps_log() const {
  return settings_.keep_log.value_or(!settings_.joins());
}

// Its disk has nothing, and the group has removed it since: it comes again, under another number.
void Daemon::look_whether_lost() {
  const raft::Raft& raft = node_->voter()->raft();
  if (ended_ || !(raft.may_come_anew() || raft.gives_up_number())) return;
  begins_without_its_disk_ = true;
  begin_anew(false, raft.may_come_anew() ? "the group has removed this host, whose disk was lost"
                                         : "the group remembers this host's lost state (--rejoin)");
}

// What --rejoin has lost it asks for until it has it: an order is carried out as far as it is said again.
void Daemon::ask_for_vote() {
  const Instant now = process::boot_now();
  if (!wants_vote_ || ended_ || votes_for_good()) return;
  const bool seldom = now > started_at_ + asks_for_vote_often_for;
  if (now < asked_for_vote_ + (seldom ? asks_for_vote_seldom : asks_for_vote_every)) return;
  if (node_->log().leader() == NodeId{} ||
      !node_->log().machine().state().registrations.contains(settings_.node))
    return;
  asked_for_vote_ = now;
  push(replica::AskVoters{
      nobodys_order,
      {replica::VoterVerb::promote, settings_.node, {}, fmt::format("{} (--rejoin)", settings_.name)}});
}

bool Daemon::votes_for_good() const {
  if (node_->voter() == nullptr) return false;
  const raft::Raft& raft = node_->voter()->raft();
  return raft.voters().votes(settings_.node) && raft.voters_index() <= raft.commit_index();
}

std::vector<NodeId> Daemon::founder_ids() const {
  if (!settings_.founders.empty()) return settings_.founders;
  std::vector<NodeId> founders;
  for (const auto& [id, node] : settings_.roster.all())
    if (node.founder) founders.push_back(id);
  return founders;
}

void Daemon::begin_anew(bool keep_log, const std::string& why) {
  if (ended_) return;
  log_(net::LogLevel::info, fmt::format("{}: begins anew", why));
  begins_anew_ = keep_log;
  // Without its disk it may wait for long, and who waits for it is told so.
  if (server_ && !begins_without_its_disk_) tools_socket_ = server_->hand_over();
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
  // After a start it has applied nothing yet, and nobody will send it the log: what the others
  // greet with counts.
  const std::string group = group_id().empty() ? greeted_group_ : group_id();
  if (group.empty() || voters().empty()) return;
  if (!settings_.joins()) {
    if (const Status written = remember_group(group, known_voters()); !written) return stop(written.error());
  }
  begin_anew(false, lost ? "no voter has been heard of" : "this host does not vote any more");
}

Status Daemon::recover_as_member(const node::MakeParts& parts, const MakeWorkers& workers) {
  replica::Forwarder::Config config;
  config.self = settings_.node;
  std::vector<NodeId> founders = founder_ids();
  for (const auto& [id, node] : settings_.roster.all())
    if (node.voter && settings_.known.empty()) config.voters.push_back(id);
  for (const wire::KnownPeer& peer : settings_.known)
    if (peer.votes) config.voters.push_back(peer.node);
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
    founding_roster_ = settings_.roster;
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

// A host that the group has forgotten comes to it anew: by its next start, which asks for that.
void Daemon::look_at_own_place() {
  if (settings_.alone()) return;
  ask_for_vote();
  const service::State& state = node_->log().machine().state();
  const auto own = state.registrations.find(settings_.node);
  const bool registered = own != state.registrations.end();
  if (registered && (settings_.joins() || node_->voter() == nullptr)) {
    registered_at_ = state.applied;
    registration_at_ = LogIndex{own->second.client.value};
  }
  if (node_->voter() != nullptr) look_whether_lost();
  if (node_->voter() != nullptr) return look_whether_removed();
  if (dynamic_cast<const replica::Forwarder&>(node_->log()).is_sent_log())
    return begin_anew(true, "this host is sent the log: it is to vote");
  // A voter that lags behind the one that has introduced this host knows nothing of it yet; and after this
  // host has begun anew it has no state at first.
  const bool is_behind = state.applied < settings_.admitted_at;
  const std::string object = fmt::format("'{}'", settings_.name);
  if (registered_at_ && !registered && !is_behind && state.applied >= *registered_at_) {
    if (!settings_.joins() || state.put_out.contains(settings_.node))
      return stop(Error{ErrorKind::usage, object, "this host was removed from the group",
                        "start it again to come back"});
    // It was silent for long: it comes again by itself.
    return ask_again();
  }
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

// Another host says that this directory's place is another disk's. One that has nothing comes anew.
void Daemon::is_told_retired(const std::string& by) {
  if (role() == raft::Role::bootstrap) {
    begins_without_its_disk_ = true;
    boost::asio::post(io_, [this] { begin_anew(false, "the disk of this host was lost, more than once"); });
    return;
  }
  boost::asio::post(io_, [this, why = is_retired(settings_, by)] { stop(why); });
}

}  // namespace coord::daemon
