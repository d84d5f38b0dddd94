namespace Baremetal.Netboot;

/// <summary>Netboot cannot be served as configured. The message names what, why, and what to do; it is written for operators.</summary>
public sealed class NetbootException(string message, Exception? inner = null) : Exception(message, inner);
