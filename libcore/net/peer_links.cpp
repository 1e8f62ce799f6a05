// SPDX-License-Identifier: MIT
#include "net/peer_links.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "net/steady_now.hpp"

namespace coord::net {

PeerLinks::PeerLinks(boost::asio::io_context& io, Config config, Make make, Closed closed)
    : config_(std::move(config)), make_(std::move(make)), closed_(std::move(closed)), timer_(io) {
  for (const std::string& peer : config_.kept) links_.emplace(peer, Way{make_(peer), steady_now()});
}

void PeerLinks::start() {
  stopped_ = false;
  for (auto& [peer, way] : links_) way.link->start();
}

void PeerLinks::stop() {
  stopped_ = true;
  timer_.cancel();
  for (auto& [peer, way] : links_) way.link->stop();
}

PeerLinks::Way& PeerLinks::wake(const std::string& peer) {
  if (const auto found = links_.find(peer); found != links_.end()) return found->second;
  while (on_demand() > 0 && on_demand() >= config_.most_on_demand) {
    auto oldest = links_.end();
    for (auto way = links_.begin(); way != links_.end(); ++way) {
      if (is_kept(way->first)) continue;
      if (oldest == links_.end() || way->second.used < oldest->second.used) oldest = way;
    }
    close(oldest);
  }
  Way& way = links_.emplace(peer, Way{make_(peer), steady_now()}).first->second;
  way.link->ping_seldom(!is_kept(peer));
  way.link->start();
  if (!std::exchange(looking_, true)) look();
  return way;
}

bool PeerLinks::send(const std::string& peer, ByteView message, Level version, wire::FrameType type,
                     bool counts) {
  if (stopped_) return false;
  Way& way = wake(peer);
  way.used = steady_now();
  if (is_kept(peer) || way.link->status().up) return way.link->send(message, version, type);
  return wait(way, message, version, type, counts);
}

bool PeerLinks::wait(Way& way, ByteView message, Level version, wire::FrameType type, bool counts) {
  while (!way.waiting.empty() && way.used - way.waiting.front().since > config_.wait) {
    way.waiting_bytes -= way.waiting.front().message.size();
    way.waiting.pop_front();
    ++way.dropped;
  }
  if (message.size() > wire::stream_payload_limit ||
      way.waiting_bytes + message.size() > config_.queue_bytes) {
    ++way.dropped;
    return false;
  }
  way.waiting.push_back({Bytes(message.begin(), message.end()), version, type, way.used, counts});
  way.waiting_bytes += message.size();
  return true;
}

std::uint64_t PeerLinks::up(const std::string& peer) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return 0;
  Way& way = found->second;
  const Instant now = steady_now();
  way.waiting_bytes = 0;
  std::uint64_t went = 0;
  for (const Waiting& waiting : std::exchange(way.waiting, {})) {
    if (now - waiting.since > config_.wait) {
      ++way.dropped;
    } else if (way.link->send(waiting.message, waiting.version, waiting.type)) {
      went += waiting.counts ? 1 : 0;
    }
  }
  return went;
}

void PeerLinks::hurry(const std::string& peer) {
  if (const auto found = links_.find(peer); found != links_.end()) found->second.link->hurry();
}

void PeerLinks::keep(std::set<std::string> peers) {
  config_.kept = std::move(peers);
  for (auto& [peer, way] : links_) way.link->ping_seldom(!is_kept(peer));
  for (const std::string& peer : config_.kept) {
    const auto [way, is_new] = links_.try_emplace(peer);
    if (!is_new) continue;
    way->second = Way{make_(peer), steady_now()};
    if (!stopped_) way->second.link->start();
  }
  if (!stopped_ && on_demand() > 0 && !std::exchange(looking_, true)) look();
}

void PeerLinks::forget(const std::string& peer) {
  config_.kept.erase(peer);
  if (const auto found = links_.find(peer); found != links_.end()) close(found);
}

void PeerLinks::greet_anew() {
  for (auto& [peer, way] : links_) way.link->greet_anew();
}

void PeerLinks::drop_keys(const std::set<std::string>& gone) {
  for (auto& [peer, way] : links_) way.link->drop_keys(gone);
}

LinkStatus PeerLinks::status(const std::string& peer) const {
  const auto found = links_.find(peer);
  if (found == links_.end()) {
    LinkStatus status;
    status.asleep = true;
    return status;
  }
  LinkStatus status = found->second.link->status();
  status.dropped += found->second.dropped;
  return status;
}

void PeerLinks::close(Ways::iterator way) {
  const std::string peer = way->first;
  const bool was_up = way->second.link->status().up;
  way->second.link->stop();
  // It may be the one that calls.
  boost::asio::post(timer_.get_executor(), [link = way->second.link] {});
  links_.erase(way);
  if (was_up) closed_(peer);
}

// Who hears of one that is closed may send, and so change which there are.
void PeerLinks::close_idle() {
  const Instant now = steady_now();
  const auto is_idle = [&](const auto& way) {
    return !is_kept(way.first) && now - way.second.used > config_.idle_after;
  };
  for (;;) {
    const auto idle = std::find_if(links_.begin(), links_.end(), is_idle);
    if (idle == links_.end()) return;
    close(idle);
  }
}

// As long as there are any that are not kept.
void PeerLinks::look() {
  looking_ = on_demand() > 0;
  if (!looking_) return;
  timer_.expires_after(config_.idle_after / 4);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    close_idle();
    look();
  });
}

}  // namespace coord::net
