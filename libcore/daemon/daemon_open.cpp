// SPDX-License-Identifier: MIT
// How a peer begins: its state directory, what is in it, the parts, and where it listens.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/format.hpp"
#include "base/small_file.hpp"
#include "daemon/daemon.hpp"
#include "daemon/founding.hpp"
#include "daemon/keys_file.hpp"
#include "daemon/setup_listener.hpp"
#include "daemon/system_random.hpp"
#include "process/boot_time.hpp"
#include "replica/logged_group.hpp"

namespace coord::daemon {

namespace {

// For one client: a listing of all that a group may hold is sent at once (replica/listings.hpp).
constexpr std::size_t listing_bytes = std::size_t{32} << 20U;
constexpr std::size_t longest_rejoin_file = 128;
constexpr std::size_t guest_tools = 1024;  // of each user whom only the group admits: a quarter of all

// What a client that is not taken is told, before it is closed.
Bytes turned_away(const std::string& why) {
  return wire::frame(wire::FrameType::answer,
                     wire::encode(local::Answer(local::Refused{0, local::RefusedKind::limit, why})));
}

// Files are removed in it. Root's peer may work in a state directory of another user's, who could have put a
// link there to any other.
Status check_owner(const std::string& directory) {
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0)
    return Error{ErrorKind::unavailable, directory, std::strerror(errno), ""};
  if (!S_ISDIR(status.st_mode))
    return Error{ErrorKind::unavailable, directory, "it is no directory", "remove it"};
  if (status.st_uid != ::geteuid())
    return Error{ErrorKind::unavailable, directory, fmt::format("belongs to user id {}", status.st_uid),
                 "run coordd as that user, or remove it"};
  return done();
}

}  // namespace

Status Daemon::take_directory() {
  const std::string& path = settings_.options.state_dir;
  auto disk = store::PosixDisk::open_directory(path);
  if (!disk) return disk.error();
  disk_ = std::move(*disk);
  auto lock = store::DirectoryLock::take(*disk_);
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  if (Status free = end_setup_listener(path); !free) return free;
  auto founding = read_founding(path);
  if (!founding) return founding.error();
  founding_ = std::move(*founding);
  (void)disk_->remove(waits_file_name);  // of a start that was killed while it waited
  struct stat asked {};
  rejoin_asked_by_file_ = !settings_.alone() && !settings_.is_gateway() &&
                          ::lstat((fmt::format("{}/{}", path, rejoin_file_name)).c_str(), &asked) == 0;
  if (rejoin_asked_by_file_) {
    const bool is_option = std::exchange(settings_.options.rejoin, true);
    const auto said = read_small_file(*disk_, rejoin_file_name, longest_rejoin_file);
    const std::string text = said ? said->value_or("") : std::string();
    wants_vote_ = text == rejoin_wants_vote(settings_.name);
    // Begun under a name that this host should not have had.
    if (!wants_vote_ && text.starts_with("vote ")) {
      log_(net::LogLevel::warning, fmt::format("the file {} is another host's ({}): it is removed",
                                               rejoin_file_name, text.substr(0, text.find('\n'))));
      (void)disk_->remove(rejoin_file_name);
      settings_.options.rejoin = is_option;
      rejoin_asked_by_file_ = false;
    }
  }
  if (::mkdir(hold_directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorKind::unavailable, hold_directory_,
                 std::string("cannot be made: ") + std::strerror(errno), "make the state directory writable"};
  }
  return check_owner(hold_directory_);
}

Status Daemon::recover(const node::MakeParts& parts, const MakeWorkers& workers) {
  store::Identity identity;
  identity.node = settings_.node;
  identity.incarnation = from_system_random<raft::Incarnation>();
  identity.group = log_group(settings_, founding_);
  store::Options options;
  options.place = settings_.options.state_dir;
  auto opened = store::Store::open(*disk_, identity, options);
  if (!opened) return opened.error();
  for (const std::string& note : opened->notes) log_(net::LogLevel::warning, fmt::format("store: {}", note));

  if (Status noted = note_log(opened->incarnation); !noted) return noted;
  service::StateMachine machine;
  if (opened->recovered.snapshot) {
    auto restored = replica::machine_from(*opened->recovered.snapshot);
    if (!restored) return restored.error();
    machine = std::move(*restored);
  }
  if (const auto group = replica::group_in(opened->recovered.entries))
    logged_group_ = service::text_of(*group);
  replica::Config config;
  config.raft.self = settings_.node;
  std::vector<NodeId> founders = founder_ids();
  config.raft.peers = founders;
  config.raft.incarnation = opened->incarnation;
  config.raft.rejoin = settings_.options.rejoin;
  config.raft.numbers_of_disks = true;
  config.raft.heartbeat = settings_.options.heartbeat;
  config.raft.election_low = settings_.options.election_low;
  config.raft.election_high = settings_.options.election_high;
  config.raise_after = settings_.options.raise_after;
  config.speaks = settings_.level;
  config.name = settings_.name;
  config.zone = settings_.options.zone;
  if (!settings_.alone()) config.address = settings_.roster.find(settings_.node)->address.text();
  config.query_patience = std::max(config.query_patience, leader_patience() + std::chrono::seconds(1));

  if (Status again = take_up_again(opened->store); !again) return again;
  const Token reserved = opened->store.tokens_reserved();
  replica::Replica replica(std::move(config), std::move(opened->recovered), std::move(machine), reserved,
                           Random(from_system_random<std::uint64_t>()), process::boot_now());
  StoreThread::Handlers handlers;
  handlers.done = [this](std::uint64_t job, bool skipped) { push(replica::JobDone{job, skipped}); };
  handlers.failed = [this](std::string why) { push(replica::JobFailed{std::move(why)}); };
  handlers.space = [this](bool nearly_full, const std::string& why) {
    log_(net::LogLevel::warning, nearly_full
                                     ? fmt::format("{}: new locks are refused until there is room", why)
                                     : "there is room on the disk again");
    push(replica::Space{nearly_full});
  };
  handlers.synced = [this](Duration took, std::uint64_t log_bytes) {
    meters_.disk_sync.observe(took);
    log_bytes_ = log_bytes;
  };
  log_bytes_ = opened->store.log_bytes();
  store_ = std::make_unique<StoreThread>(io_, std::move(opened->store), std::move(handlers));
  return begin(replica::ReplicatedService(std::move(replica), sessions_config()), std::move(founders), parts,
               workers);
}

replica::SessionsConfig Daemon::sessions_config() const {
  replica::SessionsConfig sessions;
  sessions.self = settings_.node;
  sessions.peer = settings_.name;
  sessions.scope = settings_.has_engine()   ? local::Scope::engine
                   : !settings_.alone()     ? local::Scope::cluster
                   : settings_.options.host ? local::Scope::host
                                            : local::Scope::private_peer;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  sessions.host = host.data();
  sessions.hurry.leader = leader_patience();
  sessions.names = settings_.roster.names_by_id();
  return sessions;
}

Status Daemon::begin(replica::ReplicatedService service, std::vector<NodeId> founders,
                     const node::MakeParts& parts, const MakeWorkers& workers) {
  founder_ids_ = founders;
  node::Setting setting{settings_.node, std::move(founders), from_system_random<std::uint64_t>(),
                        process::boot_now()};
  setting.names = settings_.roster.names_by_id();
  setting.is_alone = service.voter() != nullptr && !settings_.joins() && setting.founders.size() <= 1;
  setting.is_gateway = settings_.is_gateway();
  node::Parts others = parts ? parts(setting) : node::Parts{};
  add_keys_part(setting, others);
  node_.emplace(std::move(service), std::move(others));
  node::Workers made = workers ? workers(settings_.node, settings_.options.state_dir) : node::Workers{};
  for (auto& [which, worker] : made) {
    workers_[which] = std::make_unique<WorkThread>(io_, std::move(worker),
                                                   [this, part = which](std::shared_ptr<node::Work> work) {
                                                     push(node::PartWorked{part, std::move(work)});
                                                   });
  }
  shelf_ = std::make_unique<Shelf>(
      io_, fmt::format("{}/snapshots", settings_.options.state_dir),
      [this](replica::ConnectionId connection, const local::FromPart& answer) {
        const auto tool = tools_.find(connection);
        if (tool != tools_.end() && tool->second.connected) tell(connection, tool->second, answer);
      },
      log_);
  open_native();
  return recover_holds();
}

// In force once they are on the disk, before the part hears that they are.
void Daemon::add_keys_part(const node::Setting& setting, node::Parts& parts) {
  if (settings_.alone() || settings_.is_gateway() || !settings_.keys) return;
  keys_ = std::make_shared<KeysInForce>(KeysInForce{*settings_.keys});
  parts.push_back(std::make_unique<KeysPart>(settings_.node, setting.founders, setting.names, keys_,
                                             from_system_random<std::uint64_t>()));
  workers_[node::Channel::keys] = std::make_unique<WorkThread>(
      io_, std::make_unique<KeysWorker>(settings_.options.state_dir),
      [this](std::shared_ptr<node::Work> work) {
        const auto& write = dynamic_cast<const WriteKeys&>(*work);
        if (write.written) {
          (void)set_keys(write.ring);
          log_.audit(fmt::format("keys: {}; it sends by {}, ordered by {}", write.ring.keys().size(),
                                 write.ring.sending().id, write.by),
                     {{"COORD_EVENT", "keys"}, {"COORD_USER", write.by}});
        }
        push(node::PartWorked{node::Channel::keys, std::move(work)});
      });
}

Status Daemon::listen() {
  net::UnixHandlers tools;
  tools.opened = [this](net::ClientNumber number, const net::Credentials& who) { tool_opened(number, who); };
  tools.frame = [this](net::ClientNumber number, wire::Frame&& frame) {
    tool_said(number, std::move(frame));
  };
  tools.closed = [this](net::ClientNumber number) { tool_closed(number); };
  net::UnixLimits limits;
  limits.unread_bytes = listing_bytes;
  limits.descriptor_ceiling = descriptor_ceiling_;
  net::UnixAccess access{settings_.admitted, guest_tools, turned_away, settings_.admits_all};
  server_ = std::make_shared<net::UnixServer>(io_, std::move(tools), log_, limits, std::move(access));
  const int handed_over = settings_.options.listen_fd;
  const auto kept = std::exchange(settings_.tools_socket, nullptr);
  Status listening = kept != nullptr    ? server_->take_over(*kept)
                     : handed_over >= 0 ? server_->adopt(handed_over)
                                        : server_->listen(settings_.options.socket);
  if (!listening) return listening;
  if (Status announced = lock_->announce(socket_); !announced) return announced;
  return settings_.alone() ? done() : join_group();
}

}  // namespace coord::daemon
