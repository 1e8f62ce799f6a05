// SPDX-License-Identifier: MIT
// coordd: one pump that feeds the peer's state machine (node::Node) and carries out what it answers.
//
//   other peers --TLS--> PeerTransport --+                        +--> PeerTransport --> other peers
//   tools --Unix socket--> UnixServer ---+--> inbox --> Node -----+--> UnixServer --> tools
//   holders' descriptors --> Hold -------+     (one step, then    +--> StoreThread --> disk
//   disk --> StoreThread ----------------+      its actions, in   +--> CommandGuard --> commands
//   time --> timer ----------------------+      their order)      +--> Hold
//
// Readers, timers and the store thread only push events; the pump alone steps the Node and performs its
// actions in order, the disk's work of each step last. What depends on a write is an answer to the event of
// its end, so nothing can overtake it. Nothing that the pump calls blocks.
//
// Threading: all of it on the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/address_book.hpp"
#include "daemon/asker_keys.hpp"
#include "daemon/asking_again.hpp"
#include "daemon/asking_around.hpp"
#include "daemon/command_guard.hpp"
#include "daemon/engine_memory.hpp"
#include "daemon/group_clock.hpp"
#include "daemon/hold.hpp"
#include "daemon/hold_file.hpp"
#include "daemon/keys_part.hpp"
#include "daemon/meters.hpp"
#include "daemon/metrics_server.hpp"
#include "daemon/native_desk.hpp"
#include "daemon/process_watch.hpp"
#include "daemon/settings.hpp"
#include "daemon/shelf.hpp"
#include "daemon/store_thread.hpp"
#include "daemon/tool.hpp"
#include "daemon/user_names.hpp"
#include "daemon/work_thread.hpp"
#include "engines/driver.hpp"
#include "members/part.hpp"
#include "net/descriptor_room.hpp"
#include "net/log.hpp"
#include "net/peer_transport.hpp"
#include "net/refusal_log.hpp"
#include "net/unix_server.hpp"
#include "node/narrator.hpp"
#include "node/node.hpp"
#include "process/nesting.hpp"
#include "replica/engine_log.hpp"
#include "replica/enrolled_leaderships.hpp"
#include "replica/voter_pause.hpp"
#include "store/directory_lock.hpp"
#include "store/posix_disk.hpp"

namespace coord::daemon {

class Daemon {
 public:
  // Takes the state directory, recovers what is in it, and listens. `stopped` is called once, when the peer
  // has ended: with why, if it had to.
  // `parts`: makes those of the node beside the replicated service, when the state is there; `workers`: what
  // does their work, each on a thread of its own.
  using MakeWorkers = std::function<node::Workers(NodeId self, const std::string& state_directory)>;
  static Result<std::unique_ptr<Daemon>> open(boost::asio::io_context& io, Settings settings, net::Log log,
                                              std::function<void(std::optional<Error> why)> stopped,
                                              const node::MakeParts& parts = {},
                                              const MakeWorkers& workers = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void start();
  // From now on; links made with a key that is gone are closed. False: this peer is alone, and needs none.
  bool set_keys(const net::KeyRing& keys);
  // It has stopped only to begin anew in the same process: whether it is to keep a log then
  // (Settings::keep_log).
  std::optional<bool> begins_anew() const { return begins_anew_; }
  bool begins_without_its_disk() const { return begins_without_its_disk_; }  // Settings::comes_anew
  const net::Address& begins_by() const { return begins_by_; }               // Settings::began_by
  std::shared_ptr<net::KeptSocket> tools_socket() { return std::exchange(tools_socket_, nullptr); }
  // Settings::registered_at of who begins anew.
  std::optional<LogIndex> registered_at() const { return registration_at_; }
  // Hands leadership over, if it leads, and stops within a second.
  void leave();

 private:
  Daemon(boost::asio::io_context& io, Settings settings, net::Log log,
         std::function<void(std::optional<Error>)> stopped);
  Duration leader_patience() const;
  // Who tells what happens, line by line, at debug; null: nobody wants to read it.
  node::Narrator* narrator() { return log_.wants(net::LogLevel::debug) ? &narrator_ : nullptr; }
  node::Narrator make_narrator();
  Status take_directory();
  Status come_to_group();
  Asker asker() const;
  void ask_again();
  Status recover(const node::MakeParts& parts, const MakeWorkers& workers);
  Status recover_as_member(const node::MakeParts& parts, const MakeWorkers& workers);
  Status recover_as_gateway();
  replica::SessionsConfig sessions_config() const;
  void add_keys_part(const node::Setting& setting, node::Parts& parts);
  Status begin(replica::ReplicatedService service, std::vector<NodeId> founders, const node::MakeParts& parts,
               const MakeWorkers& workers);
  Status listen();
  void look_at_socket();
  Status listen_again();
  void forget_rejoin_file();

  // ---- the pump
  void push(node::NodeEvent event);
  void push_if_room(node::NodeEvent event);
  void pump();
  void carry_out(node::NodeActions actions);
  void arm_timer();
  bool is_idle() const;
  void end_if_idle();
  void stop(std::optional<Error> why);
  Error failed(std::string why) const;
  void end_if_left();

  void perform(replica::DiskJob&& action);
  void perform(replica::SendPeer&& action);
  void perform(replica::SpeakLevel&& action);
  void perform(replica::Applied&& action);
  void perform(replica::LeaderChanged&& action);
  void perform(replica::Report&& action);
  void perform(replica::Halted&& action);
  void perform(replica::ToTool&& action);
  void perform(replica::StopCommand&& action);
  void command_is_gone(replica::ConnectionId asked_on, SessionId session);
  void perform(replica::SessionOver&& action);
  void perform(replica::SignalHolder&& action);
  void perform(replica::KeepHold&& action);
  void perform(replica::ForgetHold&& action);
  void perform(replica::HoldsCompleteSince&& action);
  void perform(replica::Moved&& action);
  void perform(replica::DescribePeers&& action);
  void perform(replica::ToEngine&& action);
  void perform(replica::RememberEngine&& action);
  void perform(node::SendOnChannel&& action);
  void perform(node::Unread&& action);
  void perform(node::PartWork&& action);

  // ---- daemon_engine.cpp: the log of a gateway
  const replica::EngineLog* gateway() const;  // null: this is none
  void describe_gateways(local::Peers& answer) const;
  void open_native();
  void ask_native(replica::ConnectionId connection, const Tool& tool, const local::ToPart& what);
  bool holds_back(replica::ToTool& action);

  // ---- daemon_holds.cpp: sessions that outlive this process
  Status recover_holds();
  bool take_up(const KeptHold& kept, replica::Recovered::Hold& hold);
  void remove_left_over_files();
  Status room_for_hold() const;
  Status new_hold(Tool& tool, SessionId session);
  void refuse_grant(const replica::ToTool& action, const std::string& why);

  // ---- daemon_others.cpp: the other peers, and the level of the group
  Status join_group();
  void peer_said(const std::string& name, const wire::Frame& frame, bool datagram);
  void peer_said_on_channel(const std::string& name, const wire::Frame& frame, bool datagram);
  void peer_stamped(const std::string& name, std::uint64_t stamp);
  void look_at_rates();
  void peer_up(const std::string& name);
  void peer_said_in_colour(const std::string& name, const wire::Frame& frame, const Bytes& bytes);
  std::optional<node::Datagram> datagram_to(NodeId to, const Bytes& bytes, Level level,
                                            wire::FrameType type) const;
  void cannot_read(const std::string& name, const std::string& why, bool datagram);
  void peer_greeted(const std::string& name, const wire::PeerHello& hello);
  local::LevelRecord describe_level() const;
  std::string why_missing(NodeId voter, replica::LevelView::Missing why) const;
  void raise_level(replica::ConnectionId connection, const Tool& tool, const local::RaiseLevel& request);

  // ---- daemon_members.cpp: hosts that came later
  std::string group_id() const;
  std::vector<NodeId> voters() const;
  std::optional<wire::Introduction> introduce(const wire::IntroductionQuestion& question,
                                              const std::string& source);
  void look_at_roster();
  void add_members(net::Roster& roster) const;
  void add_departing(net::Roster& roster);
  bool has_departed() const;
  void look_at_members();
  bool is_heard(NodeId node) const;
  void look_at_own_place();
  void look_at_own_name(const service::State& state);
  void look_whether_removed();
  void look_whether_lost();
  void begin_anew(bool keep_log, const std::string& why);
  Status come_anew();
  Status come_later();
  Status go_by_founders();
  Status want_vote();
  void ask_for_vote();
  bool votes_for_good() const;  // and that is committed
  std::vector<NodeId> founder_ids() const;
  bool has_another_disk(const net::Roster::Node& founder) const;
  bool is_out(NodeId node) const;
  bool learns(NodeId node) const;
  void is_told_retired(const std::string& by);
  Status go_by_file(MemberFile file);
  Status remember_group(const std::string& group, std::vector<wire::KnownPeer> vote);
  std::vector<wire::KnownPeer> known_voters() const;
  Status note_log(const raft::Incarnation& incarnation);
  bool keeps_log() const;
  raft::Role role() const;

  // ---- daemon_addresses.cpp: where they are, and what is kept of that for the next start
  void open_address_book();
  bool goes_by_book() const;
  const net::Roster::Node* as_told(NodeId node) const;
  net::Roster::Node at_its_address(net::Roster::Node node) const;
  void add_known(net::Roster& roster) const;
  void write_addresses();
  AddressBook addresses_now() const;
  void remind_departed();

  // ---- daemon_asking_around.cpp: nobody tells it what it is to the group
  bool is_mute() const;
  wire::IntroductionQuestion own_question() const;
  void ask_around();
  void is_answered(const AskAround& asked);
  void is_answered_when_mute(const AskAround& asked);
  std::vector<wire::KnownPeer> sound_peers(const wire::Introduction& said) const;
  void go_by_answer(const wire::Introduction& said, std::vector<wire::KnownPeer> known);
  void answer_is_written(const WriteAddresses& write);
  void is_reminded(const wire::IntroductionQuestion& question, const std::string& source);
  void end_as_reminded();
  void tell_who_stands(Instant now);
  void is_introduced(const wire::IntroductionQuestion& question);
  bool says_more(NodeId node, LogIndex word) const;
  void add_introduced(net::Roster& roster);

  // ---- daemon_voters.cpp: who votes
  struct VoterAsker {
    replica::ConnectionId connection;
    std::uint64_t request = 0;
    Instant began;
    replica::VoterOrder order;
  };
  raft::Voters who_votes() const;
  replica::VoterAnswer reached() const;
  bool was_of_group(NodeId node) const;
  bool is_forgotten_by(replica::ConnectionId connection, Tool& tool, std::uint64_t request,
                       const replica::VoterOrder& order, const raft::Voters& known);
  bool is_forgotten_as_told(const VoterAsker& asker, Tool& tool, const replica::VoterAnswer& told);
  void order_voters(replica::ConnectionId connection, Tool& tool, const local::OrderVoters& request);
  void perform(replica::VotersAnswered&& action);
  void perform(replica::VoterStep&& action);
  void perform(replica::VotersChanged&& action);
  std::string name_of_node(NodeId node) const;
  std::vector<std::string> names_of_nodes(const std::vector<NodeId>& nodes) const;
  std::string words_of(const replica::VoterOrder& order) const;
  local::VoterView view_of(const replica::VoterAnswer& answer) const;
  void note_refusal(const replica::VoterAnswer& answer);
  static constexpr const char* only_begun = "the group is at level 1, and this peer has only begun";
  bool may_only_begin() const;
  void add_refusal(const replica::VoterAnswer& answer, local::VoterView& view) const;
  void add_vote(local::PeerRecord& record, NodeId node) const;

  // ---- daemon_removing.cpp: a host without a vote is forgotten
  bool seems_alive(NodeId node) const;
  bool is_connected(NodeId node) const;
  bool has_been_heard(NodeId node, Instant asked) const;
  std::optional<local::VoterView> keep_founder(const net::Roster::Node& node, Instant asked) const;
  std::optional<local::VoterView> keep_copies(NodeId node) const;
  bool has_removed(replica::ConnectionId by, const std::string& name, NodeId node) const;
  std::optional<local::VoterView> remove_member(replica::ConnectionId by, const std::string& user,
                                                const net::Roster::Node& node, const raft::Voters& known,
                                                Instant asked);

  // ---- daemon_keeping.cpp: how many vote, and where each is reached
  void keep_voters(replica::ConnectionId connection, const Tool& tool, const local::KeepVoters& request);
  void move_peer(replica::ConnectionId connection, const Tool& tool, const local::MovePeer& request);
  bool is_new_order(replica::ConnectionId connection, const std::string& what);

  // ---- daemon_meters.cpp: what is counted, and the audit lines of the log
  Status open_metrics();
  void note_request(Tool& tool, const local::Request& request) const;
  void note_answer(Tool& tool, const local::Answer& answer);
  void note_end(Tool& tool);
  void note_commits();
  void audit(const char* event, const Tool& tool, const std::string& line) const;
  void note_overdue(const node::NodeEvent& event);
  void note_enrolled(const replica::Applied& action);
  Gauges gauges() const;
  void tell_metrics(replica::ConnectionId connection, const Tool& tool, std::uint64_t request);

  // ---- daemon_hand_over.cpp: another authority takes this peer's place
  Status take_up_again(store::Store& store);
  bool is_unused() const;
  bool awaits(net::ClientNumber but) const;
  void give_up_if_unused();
  void give_up();
  bool floor_is_missing() const;
  void hand_over(replica::ConnectionId connection, const Tool& tool, const local::HandOver& request);
  local::LoneView view_of_lone(const local::HandOver& request) const;
  std::optional<std::string> refuse_floor(const Tool& tool, Token floor) const;

  // ---- daemon_nesting.cpp: which holds a tool runs inside of
  static bool runs_inside(process::Nesting& nesting, const Tool& tool);
  std::vector<replica::ConnectionId> holds_around(replica::ConnectionId asker, pid_t asking) const;
  std::vector<replica::ConnectionId> not_around(const std::vector<replica::ConnectionId>& holds,
                                                const process::ProcessId& holder) const;

  // ---- daemon_processes.cpp: which processes the tools are, and which they mean
  void look_at(replica::ConnectionId connection, Tool& tool);
  void meet(replica::ConnectionId connection);
  std::optional<local::Refused> name_processes(replica::ConnectionId connection, Tool& tool,
                                               local::Request& request);
  std::optional<local::Refused> out_of_sight(const Tool& tool) const;
  Result<process::ProcessState> named(const Tool& tool, const Descriptor& pidfd, std::uint32_t number,
                                      bool as_holder) const;
  bool is_command_of(const Tool& tool, const process::ProcessState& process) const;
  void find_group(replica::ConnectionId connection);
  bool is_guest(const Tool& tool) const;
  bool may_name(const Tool& tool, pid_t process) const;

  // ---- daemon_tools.cpp: this host's tools
  void tool_opened(net::ClientNumber number, const net::Credentials& who);
  void tool_known(net::ClientNumber number, const Result<std::string>& user);
  void tool_said(net::ClientNumber number, wire::Frame&& frame);
  void tool_closed(net::ClientNumber number);
  void turn_away(net::ClientNumber number, const std::string& why);
  void tell(replica::ConnectionId connection, const Tool& tool, const local::Answer& answer, int pass = -1);
  local::Peers describe() const;
  std::vector<std::string> silent_peers() const;
  std::string disk_of(NodeId node) const;
  bool is_recovering(NodeId node) const;
  std::string zone_of(NodeId node) const;
  local::PeerRecord describe_self() const;
  void describe_vote(local::PeerRecord& record) const;
  const members::MembersPart* membership() const;
  bool add_membership(local::PeerRecord& record, NodeId node) const;  // false: it is not watched
  void add_datagrams(local::PeerRecord& self) const;

  boost::asio::io_context& io_;
  Settings settings_;
  net::Log log_;
  node::Narrator narrator_;
  std::function<void(std::optional<Error>)> stopped_;
  std::string hold_directory_;
  HoldStock stock_;

  std::unique_ptr<store::PosixDisk> disk_;
  std::optional<store::DirectoryLock> lock_;
  std::optional<node::Node> node_;
  std::unique_ptr<StoreThread> store_;
  std::unique_ptr<engines::Driver> engine_;  // of a gateway
  std::unique_ptr<NativeDesk> native_;       // where there is an engine
  std::unique_ptr<WorkThread> engine_memory_;
  std::optional<LastEngineMemory> last_engine_memory_;
  Status engine_remembered_ = done();  // what was seen of its log last
  std::string engine_trouble_;         // that was logged last
  std::map<node::Channel, std::unique_ptr<WorkThread>> workers_;
  std::shared_ptr<KeysInForce> keys_;  // of a peer in a group
  std::unique_ptr<Shelf> shelf_;
  std::unique_ptr<net::PeerTransport> transport_;
  std::shared_ptr<net::UnixServer> server_;
  boost::asio::steady_timer socket_timer_;
  std::string socket_;        // the path where tools come in, absolute
  bool socket_told_ = false;  // that it is gone, and cannot be made again
  std::optional<HoldFile> hold_file_;
  const BootId boot_ = boot_id();
  const int descriptor_ceiling_ = net::descriptor_ceiling();
  CommandGuard guard_;

  std::deque<node::NodeEvent> inbox_;  // bounded for what comes from outside
  bool pumping_ = false;
  bool ended_ = false;
  std::optional<Instant> leave_by_;  // leaving: when to go whether or not somebody else leads by then
  bool may_leave_ = false;           // leaving: it does not lead
  std::optional<Instant> idle_since_;
  bool raised_when_idle_ = false;
  bool give_up_told_ = false;  // that it cannot hand over
  bool handed_over_ = false;   // it grants nothing any more
  boost::asio::posix::stream_descriptor
      timer_;  // a timerfd on CLOCK_BOOTTIME: deadlines go on while the machine sleeps
  std::optional<Instant> armed_;

  std::map<replica::ConnectionId, Tool> tools_;
  std::map<std::uint64_t, VoterAsker> voter_orders_;  // by ticket
  static constexpr std::uint64_t nobodys_order = 0;   // no tool waits for it
  std::uint64_t last_order_ = nobodys_order;
  // Hosts without a vote that are being forgotten by an order.
  struct Removed {
    NodeId node;
    replica::ConnectionId by;
    service::ClientId registration;
    Instant when;
  };
  std::map<std::string, Removed> removed_;
  std::pair<replica::ConnectionId, std::string> ordered_;  // what a tool has ordered last, in words
  UserNames user_names_;
  Traffic traffic_;
  Meters meters_;
  replica::EnrolledLeaderships enrolled_;
  std::uint64_t log_bytes_ = 0;
  std::deque<std::pair<LogIndex, Instant>> proposed_;  // this leader's, not committed yet
  std::shared_ptr<MetricsServer> metrics_;
  net::RefusalLog wrong_messages_{std::chrono::minutes(1), 256, 5};  // by their sender
  replica::VoterPause voters_paused_;
  GroupClock clock_;
  net::RefusalLog wild_clocks_{std::chrono::minutes(1), 256, 5};  // by whose they are
  net::RefusalLog wild_rates_{std::chrono::minutes(10)};          // likewise
  std::map<std::string, std::uint64_t> stamps_;                   // that came last, by their sender
  std::map<std::string, std::string> timing_;     // of a peer: how its time-outs differ from ours
  std::map<std::string, Duration> clock_offset_;  // of a peer's clock, when it greeted last
  std::string lost_state_;                        // why this peer takes no part, if its disk was replaced
  bool rejoin_asked_by_file_ = false;
  bool wants_vote_ = false;  // again: it has lost it with its disk (--rejoin)
  Instant asked_for_vote_{};
  std::string refused_order_;                // said last
  std::map<NodeId, Instant> heard_;          // of hosts without a vote: when, or since when nobody has
  Instant members_seen_;                     // when they were last looked at
  std::optional<Instant> voter_lost_;        // of such a host: since when nobody leads, as far as it knows
  std::optional<LogIndex> registered_at_;    // in this process
  std::optional<LogIndex> registration_at_;  // the entry of it: who has applied that is not behind
  const std::shared_ptr<AskerKeys> asker_keys_ = std::make_shared<AskerKeys>();
  std::unique_ptr<AskingAgain> asking_again_;  // of such a host, while it goes by what it knew
  std::optional<bool> begins_anew_;
  bool begins_without_its_disk_ = false;
  std::shared_ptr<net::KeptSocket> tools_socket_;
  net::Address begins_by_;
  std::optional<Instant> removed_since_;   // of one that votes no longer
  std::map<NodeId, net::Address> listed_;  // of the founders, by this host's list
  net::Roster founding_roster_;            // all of them, also whose name is on another disk by now
  std::vector<NodeId> founder_ids_;
  std::string logged_group_;         // by the log, as it was at the start
  AddressBook book_, written_book_;  // as it was at the start, and as it was written last
  bool went_by_book_ = false;        // when links were looked at last
  std::unique_ptr<WorkThread> addresses_, reminders_;
  bool is_reminding_ = false;  // one round at a time
  std::size_t remind_from_ = 0;
  Instant reminded_;
  struct Reminded {  // by a host of a living group
    std::string name, group;
    net::Address address;
    Instant since;
    int silent = 0;  // rounds in a row
  };
  std::optional<Reminded> reminded_by_;
  std::optional<Instant> leaderless_since_;
  bool is_asking_around_ = false;
  bool goes_by_answer_ = false;  // as soon as that is written
  Instant asked_around_;
  struct OfItsWord {  // introduced by itself
    net::Roster::Node node;
    LogIndex word;  // where its log says that it votes
  };
  std::map<NodeId, OfItsWord> introduced_;  // not of this host's log
  bool is_introduced_anew_ = false;
  std::string greeted_group_;              // the group of who greeted last, as it said
  std::map<NodeId, Instant> departing_;    // of the group no more: until when they have their links still
  LogIndex name_looked_at_;                // of the state in which this host's name was its own
  LogIndex roster_at_;                     // of the state whose names are in settings_.roster
  std::vector<NodeId> voters_;             // likewise
  std::string told_group_;                 // that links greet with
  std::string founding_;                   // id of a group that was founded anew
  std::map<std::string, WallTime> since_;  // of a peer's being up or down
  std::set<std::string> up_;               // peers that send() reaches
  WallTime started_;
  Instant started_at_;
};

}  // namespace coord::daemon
