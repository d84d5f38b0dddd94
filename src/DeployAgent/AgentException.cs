using Baremetal.Trust;

namespace Baremetal.DeployAgent;

/// <summary>The agent cannot go on; the sentence says why.</summary>
public sealed class AgentException(Rejection rejection) : Exception(rejection.ToString());
