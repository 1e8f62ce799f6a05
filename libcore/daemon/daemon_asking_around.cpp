// SPDX-License-Identifier: MIT
// A host that nobody tells what it is to its group asks around (asking_around.hpp); a voter that sees nobody
// lead tells the others who it is, for they may have been away when it came.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "daemon/asking_around.hpp"
#include "daemon/daemon.hpp"
#include "process/boot_time.hpp"
#include "replica/forwarder.hpp"

namespace coord::daemon {

namespace {

// Of one that has nothing: the other founders answer sooner, if they are as they were.
constexpr Duration mute_asks_after = std::chrono::seconds(1);
constexpr Duration asks_after = std::chrono::seconds(5);  // without a leader
constexpr Duration mute_asks_every = std::chrono::seconds(2), asks_every = std::chrono::seconds(5);
constexpr Duration tells_every = std::chrono::seconds(2);  // and first after so long
constexpr std::size_t most_asked = 32, most_introduced = 16;
// Of a mute host. A group that lives says so again, within 2 to 60 s.
constexpr Duration reminder_counts_for = std::chrono::seconds(30);
constexpr int silent_rounds_of_reminder = 5;

std::vector<NodeId> who_vote(const std::vector<wire::KnownPeer>& peers) {
  std::vector<NodeId> vote;
  for (const wire::KnownPeer& peer : peers)
    if (peer.votes) vote.push_back(peer.node);
  std::ranges::sort(vote);
  return vote;
}

}  // namespace

// A founder that has nothing.
bool Daemon::is_mute() const {
  return role() == raft::Role::bootstrap && !settings_.alone() && !settings_.joins();
}

wire::IntroductionQuestion Daemon::own_question() const {
  wire::IntroductionQuestion question;
  question.name = settings_.name;
  question.node = settings_.node;
  question.life = node_->log().life();
  question.address = settings_.roster.find(settings_.node)->address.text();
  question.group = group_id();
  question.knows = newest_level;
  return question;
}

void Daemon::ask_around() {
  if (!reminders_) return;
  const Instant now = process::boot_now();
  if (node_->log().leader() != NodeId{}) {
    leaderless_since_.reset();
    reminded_by_.reset();
    return;
  }
  if (reminded_by_ && is_mute() && now > reminded_by_->since + reminder_counts_for) reminded_by_.reset();
  if (!leaderless_since_) leaderless_since_ = now;
  if (!is_mute()) tell_who_stands(now);
  const bool at_once = is_mute() && reminded_by_;
  const Duration after = is_mute() ? mute_asks_after : asks_after;
  const Duration every = is_mute() ? mute_asks_every : asks_every;
  if (is_asking_around_ || (!at_once && now < *leaderless_since_ + after) || now < asked_around_ + every)
    return;
  asked_around_ = now;
  std::vector<net::Address> whom;
  if (reminded_by_) whom.push_back(reminded_by_->address);
  for (const auto& [id, node] : settings_.roster.all()) {
    const bool is_asked = id != settings_.node && (node.founder || node.voter) && whom.size() < most_asked;
    if (!at_once && is_asked && node.address.port != 0) whom.push_back(node.address);
  }
  is_asking_around_ = !whom.empty();
  if (is_asking_around_)
    reminders_->submit(std::make_shared<AskAround>(*settings_.keys, std::move(whom), own_question()));
}

void Daemon::is_answered(const AskAround& asked) {
  is_asking_around_ = false;
  if (ended_ || goes_by_answer_) return;
  if (is_mute()) return is_answered_when_mute(asked);
  const std::string group = group_id().empty() ? greeted_group_ : group_id();
  if (!asked.answer || group.empty() || node_->log().leader() != NodeId{}) return;
  const wire::Introduction& said = asked.answer->second;
  const LogIndex by_book = book_.group == group ? book_.at : LogIndex{};
  const LogIndex seen = std::max(by_book, node_->log().machine().state().applied);
  const OwnPlace place = own_place(said, group, {}, seen);
  if (place == OwnPlace::unknown || place == OwnPlace::foreign) return;
  std::vector<NodeId> known = voters();
  std::ranges::sort(known);
  std::vector<wire::KnownPeer> sound = sound_peers(said);
  const std::vector<NodeId> vote = who_vote(sound);
  const bool is_news = node_->voter() != nullptr ? place == OwnPlace::out : known != vote;
  if (is_news && !vote.empty()) go_by_answer(said, std::move(sound));
}

void Daemon::is_answered_when_mute(const AskAround& asked) {
  const OwnPlace place =
      asked.answer ? own_place(asked.answer->second, founding_, founder_ids_) : OwnPlace::unknown;
  const bool by_reminder = reminded_by_ && asked.addresses == std::vector{reminded_by_->address};
  if (place == OwnPlace::out) {
    begins_without_its_disk_ = true;
    begins_by_ = asked.answer->first;
    return begin_anew(false, fmt::format("{}, of group {}, says that the group has removed this host, whose "
                                         "disk was lost",
                                         asked.answer->second.name, asked.answer->second.group));
  }
  if (place == OwnPlace::kept) {
    reminded_by_.reset();
    if (settings_.options.rejoin) {
      begins_without_its_disk_ = true;
      begins_by_ = asked.answer->first;
      return begin_anew(false, fmt::format("{}, of group {}, remembers this host's lost state (--rejoin)",
                                           asked.answer->second.name, asked.answer->second.group));
    }
    if (!lost_state_.empty()) return;
    lost_state_ = fmt::format(
        "peer {}: has met this peer with a state that is lost now: it takes no part until the group, {}, has "
        "removed it from the voters (dpeers remove, replace)",
        asked.answer->second.name, asked.answer->second.group);
    return log_(net::LogLevel::warning, lost_state_);
  }
  if (!by_reminder) return;
  // It may be busy, or its name has to be looked up first.
  reminded_by_->silent = asked.answer ? 0 : reminded_by_->silent + 1;
  if (place == OwnPlace::foreign || reminded_by_->silent >= silent_rounds_of_reminder) end_as_reminded();
}

// No voter is there that this host knows, and the group has others: it serves by asking those.
void Daemon::go_by_answer(const wire::Introduction& said, std::vector<wire::KnownPeer> known) {
  AddressBook book = written_book_;
  book.group = said.group;
  book.at = said.at;
  book.known = std::move(known);
  goes_by_answer_ = true;
  addresses_->submit(std::make_shared<WriteAddresses>(std::move(book), said.name));
}

// Those that a file can name: what is written must be read at the next start.
std::vector<wire::KnownPeer> Daemon::sound_peers(const wire::Introduction& said) const {
  std::vector<wire::KnownPeer> sound;
  for (const wire::KnownPeer& peer : said.voters) {
    const auto address = net::parse_address(peer.address);
    // Of this host's name: the number that was lost with its disk.
    const bool is_former = peer.name == settings_.name && peer.node != settings_.node;
    if (address && !address->host.empty() && address->port != 0 && is_peer_name(peer.name) &&
        peer.node != NodeId{} && !is_former)
      sound.push_back(peer);
  }
  return sound;
}

// What cannot be written it asks again.
void Daemon::answer_is_written(const WriteAddresses& write) {
  goes_by_answer_ = false;
  if (ended_ || node_->log().leader() != NodeId{}) return;
  Status written = write.written;
  if (written && !settings_.joins()) written = remember_group(write.book.group, write.book.known);
  if (!written) return log_(net::LogLevel::warning, fmt::format("state: {}", written.error().text()));
  begin_anew(false,
             fmt::format("no voter that this host knows has been heard of, and {} names the present voters",
                         write.told_by));
}

// A host of a living group, that knows this address.
void Daemon::is_reminded(const wire::IntroductionQuestion& question, const std::string& source) {
  if (!question.leads || question.group.empty() || reminded_by_) return;
  if (!is_mute() && (node_->log().leader() != NodeId{} || question.group != group_id())) return;
  const auto address = net::parse_address(question.address);
  const bool can_be_asked = address && !address->host.empty() && address->port != 0;
  reminded_by_ = Reminded{question.name, question.group, can_be_asked ? *address : net::Address{source, 0},
                          process::boot_now()};
  if (!is_mute()) return;
  if (!can_be_asked) return end_as_reminded();
  asked_around_ = Instant{};
  push(replica::Tick{});
}

// It has nothing and is to found a group, and one under its key lives that it has not founded.
void Daemon::end_as_reminded() {
  const std::string where = reminded_by_->address.text();
  Error why{
      ErrorKind::usage, fmt::format("'{}'", settings_.name),
      fmt::format("a group under this key lives, {}, from which this host was removed: {} of it, at {}, has "
                  "said so. This host founds no other one",
                  reminded_by_->group, reminded_by_->name, where),
      fmt::format("start it with --join {} in place of --peers; or give a new group a key of its own",
                  where)};
  boost::asio::post(io_, [this, why = std::move(why)] { stop(why); });
}

// ---- a voter that sees nobody lead

// Its vote, or that of who hears it, may be the one that is needed; and who was away does not know it yet.
void Daemon::tell_who_stands(Instant now) {
  const bool votes = std::ranges::find(voters_, settings_.node) != voters_.end();
  if (node_->voter() == nullptr || !votes || is_reminding_ || group_id().empty() ||
      now < *leaderless_since_ + tells_every || now < reminded_ + tells_every)
    return;
  reminded_ = now;
  std::vector<net::Address> whom;
  for (const net::PeerStatus& status : transport_->status()) {
    const net::Roster::Node* const node = settings_.roster.find(status.name);
    const bool is_told = node != nullptr && node->voter && !status.link.answers && whom.size() < most_asked;
    if (is_told && node->address.port != 0) whom.push_back(node->address);
  }
  wire::IntroductionQuestion question = own_question();
  question.stands = true;
  question.word = node_->voter()->raft().voters_index();
  is_reminding_ = !whom.empty();
  if (is_reminding_)
    reminders_->submit(std::make_shared<Remind>(*settings_.keys, std::move(whom), std::move(question)));
}

// Who is not of this host's log may vote by one that is further (raft's receive.cpp): it is heard under its
// own number, as long as this host sees nobody lead. What its name meant before counts if that one is there.
void Daemon::is_introduced(const wire::IntroductionQuestion& question) {
  const service::State& state = node_->log().machine().state();
  const bool waits = node_->voter() != nullptr && !is_mute() && node_->log().leader() == NodeId{};
  const bool of_it = !question.group.empty() && question.group == group_id();
  if (!question.stands || !waits || !of_it || !says_more(question.node, question.word)) return;
  const auto address = net::parse_address(question.address);
  const bool is_sound = address && !address->host.empty() && address->port != 0 &&
                        is_peer_name(question.name) && question.node != NodeId{};
  if (!is_sound || question.name == settings_.name || settings_.roster.find(question.node) != nullptr ||
      state.retired.contains(question.node))
    return;
  const net::Roster::Node* const named = settings_.roster.find(question.name);
  if (named != nullptr && seems_alive(named->id)) return;
  const auto is_former = [&](const auto& each) { return each.second.node.name == question.name; };
  const auto former = std::ranges::find_if(introduced_, is_former);
  if (former != introduced_.end() && former->second.word > question.word) return;
  if (former != introduced_.end()) introduced_.erase(former);
  if (introduced_.size() >= most_introduced) return;
  introduced_[question.node] = {{question.node, question.name, *address, false, false}, question.word};
  is_introduced_anew_ = true;
  log_(net::LogLevel::info, fmt::format("{}, at {}, is of the group, says that it votes, and is not of this "
                                        "host's log yet: it is heard",
                                        question.name, question.address));
  push(replica::Tick{});
}

bool Daemon::says_more(NodeId node, LogIndex word) const {
  const raft::Raft& raft = node_->voter()->raft();
  return is_heard_by_its_word(word, raft.voters_index(), raft.voters().has(node));
}

// As long as this host's own log does not say otherwise.
void Daemon::add_introduced(net::Roster& roster) {
  is_introduced_anew_ = false;
  if (node_->voter() == nullptr) return;
  std::erase_if(introduced_, [&](const auto& each) {
    return roster.find(each.first) != nullptr || !says_more(each.first, each.second.word);
  });
  for (const auto& [id, introduced] : introduced_) {
    if (const NodeId before = roster.id_of(introduced.node.name); before != NodeId{}) roster.remove(before);
    (void)roster.admit(introduced.node);
  }
}

}  // namespace coord::daemon
