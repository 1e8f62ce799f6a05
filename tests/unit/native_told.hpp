// SPDX-License-Identifier: MIT
// Adapters of engines' own keys and locks, answered call by call, without a server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engines/jute.hpp"
#include "engines/native_consul.hpp"
#include "engines/native_etcd.hpp"
#include "engines/native_zookeeper.hpp"
#include "http2_frames.hpp"

namespace coord::engines {

using namespace std::chrono_literals;

inline constexpr Duration ttl = 12s;
inline const Instant start{1000s};

inline std::shared_ptr<NativeJob> lock_job(bool wait = true) {
  auto job = std::make_shared<NativeJob>();
  job->what = native::Lock{SessionId{5}, "x", ttl, wait, "dlock h 1"};
  return job;
}

inline std::shared_ptr<NativeJob> key_job(native::FromTool what) {
  auto job = std::make_shared<NativeJob>();
  job->what = std::move(what);
  return job;
}

// What an adapter has told, and asked.
class Heard {
 public:
  void take(Adapter& adapter) {
    for (Adapter::Action& action : adapter.take()) {
      if (auto* end = std::get_if<Adapter::Close>(&action)) closed = end->why;
      if (std::holds_alternative<Adapter::NativeLost>(action)) lost = true;
      if (auto* out = std::get_if<Adapter::Write>(&action))
        asked.append(out->bytes.begin(), out->bytes.end());
      auto* said = std::get_if<Adapter::Native>(&action);
      if (said == nullptr) continue;
      told = said->told;
      if (const auto* locked = std::get_if<native::Locked>(&said->told)) counted = locked->sent;
      queued |= std::holds_alternative<native::Queued>(said->told);
      busy |= std::holds_alternative<native::Busy>(said->told);
    }
  }
  std::optional<native::Cannot::Why> cannot() const {
    const auto* why = told ? std::get_if<native::Cannot>(&*told) : nullptr;
    return why == nullptr ? std::nullopt : std::optional(why->why);
  }
  template <class T>
  bool is() const {
    return told && std::holds_alternative<T>(*told);
  }
  std::string asked, closed;
  std::optional<native::ToTool> told;  // the last one
  std::optional<Instant> counted;
  bool lost = false, queued = false, busy = false;
};

// ---- etcd: each call has a stream of its own, 1, 3, 5, ...

class EtcdTold {
 public:
  explicit EtcdTold(bool wait = true) : EtcdTold(lock_job(wait), start) {}
  // On another connection: what was asked over the one before may not have been answered.
  EtcdTold(std::shared_ptr<NativeJob> of, Instant begun)
      : now(begun), job(std::move(of)), etcd_(Access{}, "host:1", false, job) {
    etcd_.begin(now);
    feed(4, 0, 0, {});
  }
  void lease(std::uint64_t id) {
    ProtoWriter message;
    message.number(2, id).number(3, 12);
    answer(message);
  }
  void placed(std::uint64_t revision, bool succeeded = true) {
    ProtoWriter header, whole;
    header.number(3, revision);
    whole.message(1, header).number(2, succeeded ? 1 : 0);
    answer(whole);
  }
  void queue(const std::vector<std::string>& keys) {
    ProtoWriter header, whole;
    header.number(3, 50);
    whole.message(1, header);
    for (const std::string& key : keys) {
      ProtoWriter pair;
      pair.text(1, key).number(2, 7).number(3, 7);
      whole.message(2, pair);
    }
    answer(whole);
  }
  // The key, as it is read.
  void key(std::uint64_t created, std::uint64_t changed) {
    ProtoWriter header, pair, whole;
    header.number(3, 50);
    pair.text(1, job->place).number(2, created).number(3, changed);
    whole.message(1, header).message(2, pair);
    answer(whole);
  }
  // The bytes of a transaction that asks whether the key was last changed then.
  bool asks_for_change(std::uint64_t revision) const {
    ProtoWriter compare;
    compare.number(2, 2).text(3, job->place).number(6, revision);
    return heard.asked.find(std::string(compare.out().begin(), compare.out().end())) != std::string::npos;
  }
  void revoked() { answer({}); }
  void refused(const std::string& status, const std::string& why) {
    Bytes headers;
    const auto header = [&](const std::string& name, const std::string& value) {
      headers.push_back(0);
      headers.push_back(static_cast<std::uint8_t>(name.size()));
      headers.insert(headers.end(), name.begin(), name.end());
      headers.push_back(static_cast<std::uint8_t>(value.size()));
      headers.insert(headers.end(), value.begin(), value.end());
    };
    headers.push_back(0x88);
    header("grpc-status", status);
    header("grpc-message", why);
    feed(1, 5, stream_, headers);
    stream_ += 2;
  }
  void skip_stream() { stream_ += 2; }  // the watch, or a revocation that nobody waits for
  void passes(Duration time) {
    now += time;
    etcd_.tick(now);
    heard.take(etcd_);
  }
  Instant now = start;
  std::shared_ptr<NativeJob> job;
  Heard heard;

 private:
  void answer(const ProtoWriter& message) {
    Bytes framed{0, 0, 0, static_cast<std::uint8_t>(message.out().size() >> 8U),
                 static_cast<std::uint8_t>(message.out().size())};
    framed.insert(framed.end(), message.out().begin(), message.out().end());
    feed(1, 4, stream_, {0x88});
    feed(0, 0, stream_, framed);
    Bytes status{0x00, 11};
    for (const char c : std::string_view("grpc-status")) status.push_back(static_cast<std::uint8_t>(c));
    status.insert(status.end(), {1, '0'});
    feed(1, 5, stream_, status);
    stream_ += 2;
  }
  void feed(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, const Bytes& payload) {
    etcd_.receive(now, frame(type, flags, stream, payload));
    heard.take(etcd_);
  }
  NativeEtcd etcd_;
  std::uint32_t stream_ = 1;
};

// ---- Consul

class ConsulTold {
 public:
  explicit ConsulTold(bool wait = true) : ConsulTold(lock_job(wait)) {}
  explicit ConsulTold(std::shared_ptr<NativeJob> of) : job(std::move(of)), consul_(Access{}, "host:1", job) {
    consul_.begin(now);
    heard.take(consul_);
  }
  void answer(int status, const std::string& body, unsigned line = 0) {
    answer_with("X-Consul-Index: 9\r\n", status, body, line);
  }
  void answer_with(const std::string& headers, int status, const std::string& body, unsigned line = 0) {
    heard.asked.clear();
    const std::string text = "HTTP/1.1 " + std::to_string(status) + " OK\r\n" + headers +
                             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    consul_.receive_on(now, line, bytes_of(text));
    heard.take(consul_);
  }
  void key(const std::string& session) {
    answer(200,
           R"([{"Key":"x/.lock","Flags":3304740253564472344,"Value":"","CreateIndex":1,"ModifyIndex":4)" +
               (session.empty() ? "" : R"(,"Session":")" + session + "\"") + "}]");
  }
  void passes(Duration time) {
    heard.asked.clear();
    now += time;
    consul_.tick(now);
    heard.take(consul_);
  }
  unsigned lines() const { return consul_.lines(); }
  Instant now = start;
  std::shared_ptr<NativeJob> job;
  Heard heard;

 private:
  NativeConsul consul_;
};

// ---- ZooKeeper

class ZooKeeperTold {
 public:
  explicit ZooKeeperTold(bool wait = true) : ZooKeeperTold(lock_job(wait)) {}
  explicit ZooKeeperTold(std::shared_ptr<NativeJob> of)
      : job(std::move(of)), zookeeper_(Access{"p/", "", "", 1, "guid"}, "host:1", job) {
    begin(12000);
  }
  void begin(std::int32_t timeout_ms) {
    zookeeper_.begin(now);
    feed(JuteWriter().number(0).number(timeout_ms).longer(7).buffer(Bytes(16, 1)).flag(false).out());
  }
  void answer(std::int32_t error, const Bytes& body = {}) {
    feed(JuteWriter().number(++xid_).longer(9).number(error).append(body).out());
  }
  void made() {
    answer(0, JuteWriter().text("/x").out());
    answer(0, JuteWriter().text("/x/_c_guid-lock-0000000003").out());
  }
  void part(const Bytes& bytes) {
    zookeeper_.receive(now, bytes);
    heard.take(zookeeper_);
  }
  void children(const std::vector<std::string>& names) {
    JuteWriter out;
    out.number(static_cast<std::int32_t>(names.size()));
    for (const std::string& name : names) out.text(name);
    answer(0, out.out());
  }
  void passes(Duration time) {
    now += time;
    zookeeper_.tick(now);
    heard.take(zookeeper_);
  }
  Instant now = start;
  std::shared_ptr<NativeJob> job;
  Heard heard;

 private:
  void feed(const Bytes& frame) {
    zookeeper_.receive(now, JuteWriter().buffer(frame).out());
    heard.take(zookeeper_);
  }
  NativeZooKeeper zookeeper_;
  std::int32_t xid_ = 0;
};

}  // namespace coord::engines
