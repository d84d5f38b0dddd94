namespace Baremetal.Lab.Bmc;

/// <summary>The machine that a BMC has its hands on. What it is told it need not have done when the call returns, as real ones do not.</summary>
public interface IChassis
{
    bool IsOn { get; }

    /// <summary>What it boots first at its next start.</summary>
    BootTarget NextBoot { get; set; }

    void Switch(bool on);

    void Reset();
}
