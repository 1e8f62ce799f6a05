// SPDX-License-Identifier: MIT
#include "group_line.hpp"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"

namespace coord::dsnapshot {

namespace {

using namespace std::chrono_literals;
using process::boot_now;

constexpr std::uint64_t relay_request = 1;
constexpr Duration look_every = 2s;  // for a view that nobody has told of
constexpr int looks_soon = 4;        // after a change that was told: 50 ms, 100 ms and so on
const std::string run_word = "run ", end_word = " -- ";

local::Request to_relay(const cut::ToRelay& message) {
  return local::ToPart{relay_request, static_cast<std::uint16_t>(wire::Channel::relay), encode(message)};
}

std::uint64_t number_of(const std::vector<record::Member>& members) {
  std::uint64_t hash = 14695981039346656037U;
  for (const record::Member& member : members) {
    for (unsigned i = 0; i < 64; i += 8) hash = (hash ^ ((member.life >> i) & 255U)) * 1099511628211U;
  }
  return (hash >> 12U) + 1;  // below 2^53, never 0
}

// Who opened the group, of those that are there.
std::string owner_of(const std::vector<local::LockParty>& holders) {
  const local::LockParty* first = nullptr;
  for (const local::LockParty& holder : holders) {
    if (!id_in(holder.command).empty() && (!first || holder.token < first->token)) first = &holder;
  }
  return first ? first->user : std::string();
}

// Whose lives count in a group.
bool may_be_in(const local::LockParty& holder, const std::string& owner) {
  return holder.user == owner || holder.user == "root";
}

cut::View view_of(const std::vector<local::LockParty>& holders, const std::string& owner) {
  cut::View view;
  for (const local::LockParty& holder : holders) {
    const std::string id = id_in(holder.command);
    if (id.empty() || !may_be_in(holder, owner)) continue;
    const auto same = std::ranges::find(view.members, id, &record::Member::id);
    if (same == view.members.end()) {
      view.members.push_back({id, holder.token.value, holder.host});
    } else if (holder.token.value < same->life) {
      *same = {id, holder.token.value, holder.host};
    }
  }
  std::ranges::sort(view.members, {}, &record::Member::id);
  view.number = number_of(view.members);
  return view;
}

}  // namespace

std::string lock_of(const std::string& group) {
  return fmt::format("dsnapshot:{}", group);
}

std::string command_text(const std::string& id, const std::vector<std::string>& argv) {
  std::string text = run_word + id + end_word + cli::command_line(argv);
  constexpr std::size_t longest = 4096;  // of a request
  if (text.size() > longest) text.resize(longest);
  return text;
}

std::string id_in(const std::string& text) {
  const std::size_t end = text.find(end_word);
  if (!text.starts_with(run_word) || end == std::string::npos) return "";
  return text.substr(run_word.size(), end - run_word.size());
}

Status check_group(const std::string& group) {
  if (group.size() > 200)
    return Error{ErrorKind::usage, "GROUP", "it is longer than 200 bytes", "take a shorter name"};
  return cli::check_name(group);
}

Status check_id(const std::string& id) {
  if (id.empty()) return Error{ErrorKind::usage, "--id", "is missing, or empty", "give --id ID"};
  if (const char* fault = record::id_fault(id))
    return Error{ErrorKind::usage, fmt::format("id '{}'", cli::shown(id)), fault, "take another one"};
  return done();
}

cut::Life visitor_life() {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != sizeof random) {
  }
  return (random >> 1U) | (std::uint64_t{1} << 62U);  // tokens are below 2^53
}

Error others_group(const std::string& group, const std::string& owner) {
  return Error{ErrorKind::usage, cli::shown(group),
               fmt::format("the group is {}'s: only that user and root may", cli::shown(owner)),
               "take another name"};
}

GroupLine::GroupLine(Terms terms, engine::LocalConnection peer)
    : terms_(std::move(terms)), peer_(std::move(peer)) {}

Result<GroupLine> GroupLine::open(Terms terms) {
  auto peer = cli::connect_to_peer(terms.peer, "dsnapshot");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "dsnapshot", "this host's peer is of a release before 0.2",
                 "upgrade it"};
  GroupLine line(std::move(terms), std::move(*peer));
  line.enter({});
  return line;
}

void GroupLine::say(const cut::ToRelay& message) {
  if (peer_ && !peer_->send(to_relay(message))) broken();
}

// Once the peer has greeted: before that nobody knows whether it has a relay.
void GroupLine::enter(const Heard& heard) {
  if (!peer_ || entered_ || peer_->speaks() < 2) return;
  say(cut::Register{terms_.life, terms_.visitor, owner_});
  if (!peer_) return;
  entered_ = true;
  pause_.reset();
  if (heard.reconnected) heard.reconnected();
}

void GroupLine::send(const std::vector<cut::Packet>& packets) {
  if (!peer_ || !entered_ || packets.empty()) return;  // lost, as on any carrier that is broken
  std::vector<local::Request> requests;
  for (const cut::Packet& packet : packets)
    requests.push_back(to_relay(cut::Outgoing{packet.to, packet.bytes}));
  if (!peer_->send_all(requests)) broken();
}

std::optional<engine::LocalConnection> GroupLine::part() {
  entered_ = false;
  return std::exchange(peer_, std::nullopt);
}

void GroupLine::ask_for_view() {
  if (!peer_ || !entered_ || listing_ != 0) return;
  stale_ = false;
  listing_ = ++last_request_;
  holders_.clear();
  look_again_ = boot_now() + (soon_ > 0 ? 50ms * (1 << (looks_soon - soon_)) : look_every);
  soon_ = std::max(soon_ - 1, 0);
  if (!peer_->send(local::Request(local::ListLocks{listing_, {lock_of(terms_.group)}, false}))) broken();
}

void GroupLine::take(const local::Locks& locks, const Heard& heard) {
  for (const local::LockRecord& lock : locks.locks)
    holders_.insert(holders_.end(), lock.holders.begin(), lock.holders.end());
  if (locks.more) return;
  listing_ = 0;
  const std::string owner = owner_of(holders_);
  if (owner != owner_) {
    owner_ = owner;
    if (!terms_.visitor) say(cut::Register{terms_.life, false, owner_});
  }
  const auto self = std::ranges::find(holders_, terms_.life, [](const auto& h) { return h.token.value; });
  is_others_ = !terms_.visitor && self != holders_.end() && !may_be_in(*self, owner_);
  const cut::View now = view_of(holders_, owner_);
  if (view_ && view_->number == now.number) return;
  view_ = now;
  soon_ = 0;
  if (heard.view) heard.view(now);
}

Status GroupLine::hear(const Heard& heard) {
  if (!peer_) tie_again();
  while (peer_) {
    auto answer = peer_->receive();
    if (!answer) {
      broken();
      break;
    }
    enter(heard);
    if (!peer_ || !*answer) break;
    if (const auto* part = std::get_if<local::FromPart>(&**answer)) {
      const auto message = cut::decode_from_relay(part->bytes);
      if (!message) continue;
      if (const auto* packet = std::get_if<cut::Incoming>(&*message)) {
        if (heard.packet) heard.packet(packet->from, packet->visitor, packet->bytes);
      } else if (std::holds_alternative<cut::Changed>(*message)) {
        stale_ = true;
        soon_ = looks_soon;
      } else {
        return others_group(terms_.group, owner_);
      }
    } else if (const auto* locks = std::get_if<local::Locks>(&**answer)) {
      take(*locks, heard);
    } else if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      if (refused->request == relay_request) return cli::refused_by_peer("this host's peer", *refused);
      listing_ = 0;  // no quorum now
    }
  }
  if (stale_ || boot_now() >= look_again_) ask_for_view();
  return done();
}

Instant GroupLine::due() const {
  if (!peer_) return tie_at_;
  return listing_ != 0 ? boot_now() + look_every : look_again_;
}

void GroupLine::broken() {
  peer_.reset();
  entered_ = false;
  listing_ = 0;
  stale_ = true;
  tie_at_ = boot_now() + pause_.next();
}

// Its greeting comes by hear().
void GroupLine::tie_again() {
  if (boot_now() < tie_at_) return;
  auto again = cli::connect_again(terms_.peer, "dsnapshot");
  if (again) {
    peer_ = std::move(again->peer);
  } else {
    tie_at_ = boot_now() + pause_.next();
  }
}

void wait_on(const GroupLine& line, Instant until) {
  pollfd wait{line.fd(), POLLIN, 0};
  const auto left = std::min(until, line.due()) - boot_now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration{})).count();
  ::poll(&wait, wait.fd < 0 ? 0 : 1, static_cast<int>(std::min<std::int64_t>(ms, 1000)));
}

Result<cut::View> first_view(GroupLine& line) {
  const Instant end = boot_now() + 10s;
  while (!line.view()) {
    if (Status heard = line.hear({}); !heard) return heard.error();
    if (line.view()) break;
    if (boot_now() >= end)
      return Error{ErrorKind::unavailable, "dsnapshot", "the group's processes are not known: no quorum",
                   "see dpeers"};
    wait_on(line, end);
  }
  return *line.view();
}

}  // namespace coord::dsnapshot
