// SPDX-License-Identifier: MIT
#include "gateway.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/format.hpp"
#include "replica/engine_frame.hpp"

namespace coord::engines {

namespace {

std::vector<TestGateway*> all;

}  // namespace

void failed(const std::string& what) {
  std::fprintf(stderr, "engine_verbs: %s\n", what.c_str());
  std::exit(1);
}

TestGateway::TestGateway(const EngineUrl& url, std::uint64_t writer) {
  all.push_back(this);
  Settings settings;
  settings.url = url;
  settings.writer = writer;
  auto driver = Driver::open(io_, std::move(settings), [this](engine::Told told) { hear(std::move(told)); });
  if (!driver) failed(driver.error().text());
  driver_ = std::move(*driver);
  driver_->start();
  until("a connection", [this] { return up; });
}

TestGateway::~TestGateway() {
  driver_->stop();
  io_.restart();
  io_.run_for(std::chrono::milliseconds(10));
  std::erase(all, this);
}

void TestGateway::append(std::uint64_t in_epoch, const std::string& key, const std::string& text) {
  const ByteView bytes = bytes_of(text);
  ask(engine::Append{in_epoch, key,
                     replica::encode(replica::EngineEntry{NodeId{7}, replica::EngineEntry::Kind::command,
                                                          first_level, Bytes(bytes.begin(), bytes.end())})});
}

void TestGateway::run_for(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) run_all();
}

void TestGateway::run_all() {
  const auto share = std::chrono::microseconds(400 / static_cast<int>(all.size() + 1));
  for (TestGateway* each : std::vector<TestGateway*>(all)) {
    if (each->paused) continue;
    each->io_.restart();
    each->io_.run_one_for(share);
    each->io_.restart();
    each->io_.poll();
  }
}

void TestGateway::until(const std::string& what, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      failed(fmt::format("never: {} ({}, {} entries were told)", what,
                         down.empty() ? "nothing went down" : down, entries.size()));
    run_all();
  }
}

bool TestGateway::load() {
  until("a connection", [this] { return up; });
  const std::uint64_t ticket = ++last_ticket_;
  is_empty = gap = false;
  reached.clear();
  ask(engine::Load{ticket});
  until("the log", [&] { return is_empty || gap || std::ranges::find(reached, ticket) != reached.end(); });
  return !is_empty && (!gap || load());
}

void TestGateway::append_until_told(std::uint64_t in_epoch, const std::string& key, const std::string& text) {
  auto again = std::chrono::steady_clock::time_point{};
  until("an entry", [&] {
    if (const auto now = std::chrono::steady_clock::now(); now >= again) {
      append(in_epoch, key, text);
      again = now + std::chrono::seconds(1);
    }
    return has(text);
  });
}

void TestGateway::barrier() {
  const std::uint64_t ticket = ++last_ticket_;
  ask(engine::Barrier{ticket});
  until("a barrier", [&] { return std::ranges::find(reached, ticket) != reached.end(); });
}

bool TestGateway::has(const std::string& text) const {
  return std::ranges::find(entries, text) != entries.end();
}
std::size_t TestGateway::count(const std::string& text) const {
  return static_cast<std::size_t>(std::ranges::count(entries, text));
}

void TestGateway::read_anew() {
  if (!goes_on || !was_read_ || !gap || !up || std::exchange(reads_anew_, true)) return;
  ask(engine::Load{++last_ticket_});
}

void TestGateway::hear(engine::Told&& told) {
  if (std::holds_alternative<engine::Up>(told)) up = true;
  if (const auto* why = std::get_if<engine::Down>(&told)) {
    up = reads_anew_ = false;
    gap = true;
    down = why->why;
  }
  if (std::holds_alternative<engine::Empty>(told)) is_empty = true;
  if (auto* begins = std::get_if<engine::State>(&told)) {
    state.assign(begins->bytes.begin(), begins->bytes.end());
    epoch = begins->epoch;
    position = begins->position;
    entries.clear();
    positions.clear();
    gap = reads_anew_ = false;
    was_read_ = true;
  }
  if (const auto* entry = std::get_if<engine::Entry>(&told); entry != nullptr && !gap) {
    gap = entry->after != position;
    if (gap) return read_anew();
    if (entry->position <= position) failed("a position that does not grow");
    position = entry->position;
    const auto said = replica::decode_engine_entry(entry->bytes);
    if (!said || !*said) {
      ++foreign;
      return;
    }
    entries.emplace_back((*said)->command.begin(), (*said)->command.end());
    positions.push_back(position);
  }
  if (const auto* seal = std::get_if<engine::Sealed>(&told); seal != nullptr && !gap) {
    gap = seal->after != position;
    if (gap) return read_anew();
    if (seal->epoch != epoch + 1) failed("an epoch is left out");
    epoch = seal->epoch;
    position = seal->position;
    entries.push_back(fmt::format("~{}", epoch));
    positions.push_back(position);
  }
  if (const auto* end = std::get_if<engine::Reached>(&told)) {
    if (gap) failed("Reached, although entries are missing");
    reached.push_back(end->ticket);
  }
  read_anew();
}

}  // namespace coord::engines
