// SPDX-License-Identifier: MIT
// A gateway: the log is kept by an engine that others run (replica/engine_log.hpp).
#include <chrono>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/system_random.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

std::string tls_form(EngineUrl url) {
  url.tls = true;
  return url.text();
}

}  // namespace

const replica::EngineLog* Daemon::gateway() const {
  return dynamic_cast<const replica::EngineLog*>(&node_->log());
}

Status Daemon::recover_as_gateway() {
  replica::EngineLog::Config config;
  config.self = settings_.node;
  config.name = settings_.name;
  config.query_patience = leader_patience() + std::chrono::seconds(1);
  auto memory = read_engine_memory(*disk_, settings_.options.state_dir);
  if (!memory) return memory.error();
  config.memory = *memory;
  auto last = LastEngineMemory::open(settings_.options.state_dir);
  if (!last) return last.error();
  last_engine_memory_ = std::move(*last);
  auto log = std::make_unique<replica::EngineLog>(
      std::move(config), Random(from_system_random<std::uint64_t>()), process::boot_now());
  engines::Settings access = settings_.engine_access;
  access.writer = from_system_random<std::uint64_t>();
  if (!access.password.empty() && !access.url.tls)
    log_(net::LogLevel::warning,
         fmt::format("engine: the {} goes to {} without TLS, for all to read on the way: use {}",
                     access.user.empty() ? "token" : "password of " + access.user, access.url.text(),
                     tls_form(access.url)));
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
  const Status written = last_engine_memory_->write(action.memory);
  if (!written && engine_remembered_)
    log_(net::LogLevel::warning, fmt::format("{}: nothing is granted here", written.error().text()));
  engine_remembered_ = written;
  if (action.lasting && engine_memory_) engine_memory_->submit(std::make_shared<Remember>(action.memory));
}

// The engine in the place of who leads, and the others as far as they have said something in the log lately:
// an idle gateway says nothing.
void Daemon::describe_gateways(local::Peers& answer) const {
  constexpr Duration lately = std::chrono::seconds(60);
  constexpr Duration clock_bound = std::chrono::seconds(1);  // an entry's way through the engine
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
  const engines::About& about = engine_->about();
  if (!about.version.empty()) engine.version = about.version;
  if (about.bytes != 0) engine.sent.emplace_back("database_bytes", about.bytes);
  if (about.quota != 0) engine.sent.emplace_back("quota_bytes", about.quota);
  if (about.keeps_all) engine.sent.emplace_back("keeps_all_history", 1);
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
    record.offset = gateway()->ahead(node);
    if (record.offset) record.offset_bound = clock_bound;
    answer.peers.push_back(std::move(record));
  }
}

}  // namespace coord::daemon
