// SPDX-License-Identifier: MIT
// A gateway: the log is kept by an engine that others run (replica/engine_log.hpp).
#include <chrono>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/system_random.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

const replica::EngineLog* Daemon::gateway() const {
  return dynamic_cast<const replica::EngineLog*>(&node_->log());
}

Status Daemon::recover_as_gateway() {
  replica::EngineLog::Config config;
  config.self = settings_.node;
  config.name = settings_.name;
  config.query_patience = leader_patience() + std::chrono::seconds(1);
  auto memory = read_engine_memory(*disk_);
  if (!memory) return memory.error();
  config.memory = *memory;
  auto log = std::make_unique<replica::EngineLog>(
      std::move(config), Random(from_system_random<std::uint64_t>()), process::boot_now());
  engines::Settings access = settings_.engine_access;
  access.writer = from_system_random<std::uint64_t>();
  auto engine = engines::Driver::open(io_, std::move(access), [this](replica::engine::Told told) {
    const auto* down = std::get_if<replica::engine::Down>(&told);
    if (down != nullptr && down->why != engine_trouble_)
      log_(net::LogLevel::warning, fmt::format("engine: {}", down->why));
    if (down != nullptr || std::holds_alternative<replica::engine::Reached>(told))
      engine_trouble_ = down != nullptr ? down->why : "";
    push(replica::FromEngine{std::move(told)});
  });
  if (!engine) return engine.error();
  engine_ = std::move(*engine);
  engine_memory_ = std::make_unique<WorkThread>(
      io_, std::make_unique<MemoryWorker>(settings_.options.state_dir),
      [this](const std::shared_ptr<node::Work>& work) {
        const Status& written = dynamic_cast<const Remember&>(*work).written;
        if (!written) log_(net::LogLevel::warning, fmt::format("state: {}", written.error().text()));
      });
  return begin(replica::ReplicatedService(std::move(log), sessions_config()), {}, {}, {});
}

void Daemon::perform(replica::ToEngine&& action) {
  if (engine_) engine_->ask(action.request);
}

void Daemon::perform(replica::RememberEngine&& action) {
  if (engine_memory_) engine_memory_->submit(std::make_shared<Remember>(action.memory));
}

// The engine in the place of who leads, and the others as far as they have said something in the log lately:
// an idle gateway says nothing.
void Daemon::describe_gateways(local::Peers& answer) const {
  constexpr Duration lately = std::chrono::seconds(60);
  const Instant now = process::boot_now();
  const bool follows = node_->log().has_quorum();
  const EngineUrl& url = settings_.engine_access.url;
  local::PeerRecord engine;
  engine.name = url.text().substr(0, url.text().find("://"));
  engine.address = follows ? engine_->endpoint() : url.text();
  engine.role = follows ? "leader" : "member";
  engine.state = follows ? "alive" : "dead";
  engine.voter = follows;
  engine.level = engine.knows = node_->log().machine().level();
  engine.since = started_;
  answer.peers.push_back(std::move(engine));
  for (const auto& [node, registration] : node_->log().machine().state().registrations) {
    const auto heard = gateway()->heard(node);
    if (node == settings_.node || !heard || now > *heard + lately) continue;
    local::PeerRecord record;
    record.name = registration.name;
    record.address = "-";
    record.role = "member";
    record.state = "alive";
    record.voter = false;
    record.level = node_->log().machine().level();
    record.knows = registration.knows;
    record.since = started_;
    answer.peers.push_back(std::move(record));
  }
}

}  // namespace coord::daemon
