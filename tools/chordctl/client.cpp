// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/local.hpp"
#include "wire/local_part.hpp"

namespace coord::chordctl {

namespace {

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::ring);
// Hosts that are well may take longer for a question and its answers: a shorter wait is as none.
constexpr Duration shortest_wait = std::chrono::milliseconds(100);
// Who sits at a terminal is told after that what is waited for.
constexpr Duration usual_wait = std::chrono::seconds(1);

}  // namespace

void add_patience(cli::Options& verb, Patience& target) {
  verb.flag("-n,--no-wait", target.no_wait, "take no for an answer at once").excludes("-w");
  verb.value("-w,--timeout", "SECONDS", target.wait, "wait at most so long")
      .between(Duration{}, std::chrono::hours(24 * 365));
}

Result<Client> Client::open(const Common& common, const Patience& patience) {
  if (common.ring.empty() || common.ring.size() > ring::longest_ring_name)
    return Error{ErrorKind::usage, "--ring", "is not 1 to 255 bytes long", "give a shorter name"};
  const cli::ConnectOptions how = cli::in_time(common.peer, patience.wait, patience.no_wait);
  auto peer = cli::connect_to_peer(how, "chordctl");
  if (!peer) return peer.error();
  const Instant now = process::boot_now();
  if (!patience.wait && !patience.no_wait) return Client(std::move(*peer), std::nullopt, std::nullopt);
  // A peer that is well answers in that time, however short a wait is.
  const Instant soonest = cli::must_answer_by(*peer, now);
  const bool is_at_once = patience.no_wait || *patience.wait < shortest_wait;
  const Instant until = is_at_once ? soonest : now + *patience.wait;
  return Client(std::move(*peer), std::max(until, soonest), until);
}

std::optional<Duration> Client::patience() const {
  if (!part_until_) return std::nullopt;
  const Duration left = std::max(*part_until_ - process::boot_now(), shortest_wait);
  return std::max<Duration>(left * 9 / 10 - std::chrono::milliseconds(50), left / 2);
}

Status Client::say(std::uint64_t request, const ring::Request& what) {
  return peer_.send(local::Request(local::ToPart{request, channel, wire::encode(what)}));
}

Result<std::uint64_t> Client::send(ring::Request request) {
  const std::uint64_t number = ++last_;
  std::visit(
      [this](auto& what) {
        if constexpr (requires { what.patience; }) {
          if (const auto left = patience()) what.patience = std::min(*left, what.patience.value_or(*left));
        }
      },
      request);
  if (Status sent = say(number, request); !sent) return sent.error();
  return number;
}

Result<std::uint64_t> Client::send(ring::Put put, std::string_view value) {
  const std::uint64_t number = ++last_;
  put.total = value.size();
  put.patience = patience();
  do {
    const std::string_view chunk = value.substr(0, ring::chunk_bytes);
    value.remove_prefix(chunk.size());
    put.chunk.assign(chunk.begin(), chunk.end());
    if (Status sent = say(number, put); !sent) return sent.error();
    put.replaces.reset();  // the first chunk has said it
    put.past = {};
  } while (!value.empty());
  return number;
}

Result<std::optional<local::Answer>> Client::wait() {
  if (!ends_unread_ && !told_ && cli::is_terminal(STDERR_FILENO)) {
    const Instant soon = process::boot_now() + usual_wait;
    if (!until_ || soon < *until_) {
      auto answer = peer_.wait(soon);
      if (!answer || *answer) return answer;
      told_ = true;
      cli::notice("chordctl", "waiting for answers of other hosts: `dpeers` shows which are away");
    }
  }
  if (!ends_unread_) return peer_.wait(until_);
  Status output = done();
  auto answer = cli::next_answer(peer_, output);
  if (!answer) return answer.error();
  return std::optional(std::move(*answer));
}

Result<Client::Answered> Client::receive() {
  for (;;) {
    auto answer = wait();
    if (!answer) return answer.error();
    if (!*answer) return Error{ErrorKind::unavailable, "", "the peer has not answered in time", "try again"};
    if (const auto* refusal = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer("", *refusal);
    const auto* of_part = std::get_if<local::FromPart>(&**answer);
    if (of_part == nullptr || of_part->channel != channel) continue;
    auto read = wire::decode<ring::Answer>(of_part->bytes);
    if (!read) return Error{ErrorKind::unavailable, "peer", read.error().what, "install one release of both"};
    return Answered{of_part->request, std::move(*read)};
  }
}

Result<ring::Answer> Client::ask(ring::Request request) {
  const auto sent = send(std::move(request));
  if (!sent) return sent.error();
  auto answered = receive();
  if (!answered) return answered.error();
  if (const auto* too_few = std::get_if<ring::NoQuorum>(&answered->answer))
    return Error{ErrorKind::unavailable, "", too_few->text, "try again, or start the hosts that are away"};
  return std::move(answered->answer);
}

bool Client::pause(Duration time) const {
  // The next question takes some time as well.
  if (until_ && process::boot_now() + 2 * time > *until_) return false;
  std::this_thread::sleep_for(time);
  return true;
}

Status Client::expand_own(const std::string& ring, std::string& key) {
  if (!key.starts_with("@/")) return done();
  auto answer = ask(ring::AskStatus{ring, true});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, ring);
  const auto* status = std::get_if<ring::StatusOf>(&*answer);
  if (status == nullptr) return unexpected_answer();
  key = "@" + status->user + key.substr(1);
  return check_key(key);
}

Result<std::vector<local::PeerRecord>> Client::peers() {
  if (Status sent = peer_.send(local::ListPeers{++last_}); !sent) return sent.error();
  for (;;) {
    auto answer = peer_.wait(until_);
    if (!answer) return answer.error();
    if (!*answer) return Error{ErrorKind::unavailable, "", "the peer has not answered in time", "try again"};
    if (const auto* refusal = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer("", *refusal);
    if (auto* peers = std::get_if<local::Peers>(&**answer)) return std::move(peers->peers);
  }
}

Result<Addresses> Client::addresses() {
  const auto known = peers();
  if (!known) return known.error();
  std::map<std::string, std::string> all;
  for (const local::PeerRecord& peer : *known) all.emplace(peer.name, peer.address);
  return Addresses(std::move(all));
}

Result<service::RingView> Client::view(const std::string& ring, bool stale) {
  const std::uint64_t number = ++last_;
  if (Status sent = peer_.send(local::Question{number, service::GetRing{ring}, stale, false}); !sent)
    return sent.error();
  for (;;) {
    auto answer = peer_.wait(until_);
    if (!answer) return answer.error();
    if (!*answer) return Error{ErrorKind::unavailable, "", "the peer has not answered in time", "try again"};
    if (const auto* refusal = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer("", *refusal);
    auto* shown = std::get_if<local::Shown>(&**answer);
    if (shown == nullptr || shown->request != number) continue;
    if (auto* view = std::get_if<service::RingView>(&shown->what)) return std::move(*view);
  }
}

Result<Client::Ordered> Client::order(service::AnyOrder what) {
  const std::uint64_t number = ++last_;
  if (Status sent = peer_.send(local::Order{number, std::move(what)}); !sent) return sent.error();
  for (;;) {
    auto answer = peer_.wait(until_);
    if (!answer) return answer.error();
    if (!*answer)
      return Error{ErrorKind::unknown, "", "the peer has not answered in time: it may be done or not",
                   "try again"};
    if (const auto* refusal = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer("", *refusal);
    const auto* ordered = std::get_if<local::Ordered>(&**answer);
    if (ordered == nullptr || ordered->request != number) continue;
    return Ordered{ordered->done, ordered->why, ordered->token, ordered->kind == local::RefusedKind::held};
  }
}

Error unexpected_answer() {
  return {ErrorKind::unavailable, "peer", "it answers something else", "install one release of both"};
}

Status check_key(const std::string& key) {
  if (!key.empty() && key.size() <= ring::longest_key) return done();
  return Error{ErrorKind::usage, "KEY", key.empty() ? "is empty" : "is longer than 1024 bytes",
               "give another one"};
}

Result<std::vector<ring::Dot>> read_versions(const std::string& list) {
  std::vector<ring::Dot> dots;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string word = list.substr(begin, end - begin);
    const auto dot = ring::read_dot(word);
    if (!dot) {
      return Error{ErrorKind::usage, cli::shown(word), "is no version",
                   "give versions as `chordctl get --all KEY` prints them"};
    }
    dots.push_back(*dot);
    begin = end + 1;
  }
  return dots;
}

std::string text(const ring::Partly& partly) {
  return fmt::format("{} of {} wanted, {} stored", partly.wanted, partly.copies, partly.stored);
}

Error may_be_stored(const Error& error, const std::string& key) {
  return {ErrorKind::unknown, cli::shown(key), fmt::format("it may be stored or not: {}", error.text()), ""};
}

Error refused(const ring::Refused& refusal, const std::string& key) {
  switch (refusal.why) {
    case ring::Why::full:
    case ring::Why::quota:
      return {ErrorKind::unavailable, cli::shown(key), fmt::format("not stored: {}", refusal.text), ""};
    case ring::Why::foreign:
      return {ErrorKind::usage, cli::shown(key), refusal.text, "ask that user, or root"};
    case ring::Why::busy:
      return {ErrorKind::unavailable, cli::shown(key), refusal.text, "try again"};
    case ring::Why::usage:
      return {ErrorKind::usage, cli::shown(key), refusal.text, ""};
    case ring::Why::living:
      return {ErrorKind::usage, cli::shown(key), refusal.text, "name hosts that are lost"};
    case ring::Why::failed:
      break;
  }
  return {ErrorKind::unavailable, cli::shown(key), refusal.text, ""};
}

cli::Exit status_of(const ring::Refused& refusal) {
  const bool is_said_by_the_page = refusal.why == ring::Why::full || refusal.why == ring::Why::foreign ||
                                   refusal.why == ring::Why::living || refusal.why == ring::Why::quota;
  return is_said_by_the_page ? cli::Exit::failed : cli::exit_of(refused(refusal, "").kind);
}

}  // namespace coord::chordctl
