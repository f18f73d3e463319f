(* logit-alignment-need-not-return, logit-return-need-not-start-at-once, logit-share-may-exceed (docs/theory.md, Logit elasticity): plausible
   sentences about returns that are false, by exact examples. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit.
Open Scope R_scope.

(* "enough alignment always brings a return": where alignment holds what o and t hold, L_o rises at the rate 1/2 at every strength s *)
Theorem logit_alignment_need_not_return s : let po j := match j with 0%nat => 1 | _ => 0 end in
  let pt j := match j with 1%nat => 1 | _ => 0 end in let pa j := match j with 0%nat | 1%nat => 1/2 | _ => 0 end in
  rate 3 po pt (fun j => s * pa j + (1 - s) / 2 * (po j + pt j)) = 1/2.
Proof. unfold rate, inner. cbn. field. Qed.

(* --- the flow on one token t, in closed form. The clock sigma runs at the speed 1/Z of the flow's own: dz/dsigma = Z (p_t - q). --- *)
Section OneToken.
Variables (n t : nat) (q0 : nat -> R).
Hypothesis t_token : (t < n)%nat.
Hypothesis q0_pos : forall j, (j < n)%nat -> 0 < q0 j.
Definition trained j := if Nat.eqb j t then 1 else 0.
Definition orbit sigma j := if Nat.eqb j t then ln (q0 t) + (Σ i < n, (if Nat.eqb i t then 0 else ln (1 + sigma * q0 i))) else - ln (/ q0 j + sigma).
Lemma x_pos s j : 0 <= s -> (j < n)%nat -> 0 < / q0 j + s.
Proof. intros Hs Hj. assert (0 < / q0 j) by (apply Rinv_0_lt_compat; auto). lra. Qed.
Lemma orbit_start j : (j < n)%nat -> orbit 0 j = ln (q0 j).
Proof.
  intros Hj. unfold orbit. destruct (Nat.eqb_spec j t) as [->|D].
  - rewrite Sum_zero; [ring|]. intros i _. destruct (Nat.eqb i t); auto. rewrite Rmult_0_l, Rplus_0_r. apply ln_1.
  - rewrite Rplus_0_r, ln_Rinv by auto. ring.
Qed.
Lemma orbit_flow s j : 0 <= s -> (j < n)%nat -> is_derive (fun s => orbit s j) s (Z n (orbit s) * (trained j - softmax n (orbit s) j)).
Proof.
  intros Hs Hj. assert (some : (0 < n)%nat) by lia. pose proof (Z_pos n some (orbit s)) as ZP.
  replace (Z n (orbit s) * (trained j - softmax n (orbit s) j)) with (Z n (orbit s) * trained j - exp (orbit s j)) by (unfold softmax; field; lra).
  unfold trained. destruct (Nat.eqb_spec j t) as [->|D].
  - apply (is_derive_ext (fun s => ln (q0 t) + Σ i < n, (if Nat.eqb i t then 0 else ln (1 + s * q0 i)))); [intros u; unfold orbit;
      rewrite Nat.eqb_refl; reflexivity|].
    eapply derive_value.
    + apply derive_plus; [apply derive_const|]. apply (derive_Sum n (fun i s => if Nat.eqb i t then 0 else ln (1 + s * q0 i))
        (fun i => if Nat.eqb i t then 0 else exp (orbit s i))).
      intros i Hi. destruct (Nat.eqb_spec i t) as [->|Di]; [apply derive_const|].
      pose proof (q0_pos i Hi). assert (0 < 1 + s * q0 i) by nra. unfold orbit. destruct (Nat.eqb_spec i t); [contradiction|].
      assert (0 < / q0 i + s) by (apply x_pos; auto). rewrite exp_Ropp, exp_ln by auto. auto_derive; [lra|field; repeat split; lra].
    + unfold Z. rewrite Rmult_1_r. rewrite (Sum_split n t (fun j => exp (orbit s j)) t_token).
      match goal with |- 0 + ?a = _ + ?b - _ => change b with a end. ring.
  - pose proof (x_pos s j Hs Hj) as X.
    apply (is_derive_ext (fun s => - ln (/ q0 j + s))); [intros u; unfold orbit; destruct (Nat.eqb_spec j t); [contradiction|reflexivity]|].
    replace (exp (orbit s j)) with (/ (/ q0 j + s)) by (unfold orbit; destruct (Nat.eqb_spec j t); [contradiction|rewrite exp_Ropp, exp_ln by auto;
      reflexivity]).
    eapply derive_value; [apply derive_opp, (derive_comp ln (fun s => / q0 j + s)); [apply derive_ln, X|apply derive_plus;
      [apply derive_const|apply derive_id]]|ring].
Qed.
Lemma orbit_off s j : 0 <= s -> (j < n)%nat -> j <> t -> softmax n (orbit s) j = / ((/ q0 j + s) * Z n (orbit s)).
Proof.
  intros Hs Hj D. pose proof (x_pos s j Hs Hj). pose proof (Z_pos n ltac:(lia) (orbit s)). unfold softmax.
  replace (exp (orbit s j)) with (/ (/ q0 j + s)) by (unfold orbit; destruct (Nat.eqb_spec j t); [contradiction|rewrite exp_Ropp, exp_ln by auto;
    reflexivity]).
  set (x := / q0 j + s) in *. field. lra.
Qed.
Lemma exp_off s j : 0 <= s -> (j < n)%nat -> j <> t -> exp (orbit s j) = / (/ q0 j + s).
Proof. intros Hs Hj D. pose proof (x_pos s j Hs Hj). unfold orbit. destruct (Nat.eqb_spec j t); [contradiction|]. rewrite exp_Ropp, exp_ln by auto.
reflexivity. Qed.
End OneToken.
Lemma ln_lt_powers k a b c d : 0 < a -> 0 < b -> 0 < c -> 0 < d -> a ^ k * b < c ^ k * d -> INR k * ln a + ln b < INR k * ln c + ln d.
Proof.
  intros A B C D H. rewrite <- !ln_pow, <- !ln_mult by (auto; apply pow_lt; auto). apply ln_increasing; auto.
  apply Rmult_lt_0_compat; auto. apply pow_lt, A.
Qed.

(* "the return starts at once or never": L_o rises at first, and yet is below its start at sigma = 256 *)
Theorem logit_return_need_not_start_at_once :
  let q0 j := match j with 0%nat => 2/3 | 1%nat => 1/3 - 1/10000 - 1/100000000 | 2%nat => 1/10000 | _ => 1/100000000 end in
  let po j := match j with 0%nat => 6/7 | 2%nat => 1/7 | _ => 0 end in let z := orbit 4 3 q0 in
  (forall j, (j < 4)%nat -> z 0 j = ln (q0 j)) /\
  (forall s j, 0 <= s -> (j < 4)%nat -> is_derive (fun s => z s j) s (Z 4 (z s) * (trained 3 j - softmax 4 (z s) j))) /\
  0 < rate 4 po (trained 3) (softmax 4 (z 0)) /\ loss 4 po (z 256) < loss 4 po (z 0).
Proof.
  intros q0 po z. assert (P : forall j, (j < 4)%nat -> 0 < q0 j) by (intros [|[|[|j]]] _; unfold q0; lra).
  assert (S0 : forall j, (j < 4)%nat -> z 0 j = ln (q0 j)) by (intros; apply orbit_start; auto; lia).
  assert (F : forall j, (j < 4)%nat -> softmax 4 (z 0) j = q0 j).
  { intros j Hj. unfold softmax, Z. rewrite (Sum_ext 4 _ q0), S0, exp_ln by (auto; intros; rewrite S0, exp_ln by auto; reflexivity).
    replace (Sum 4 q0) with 1 by (unfold q0; cbn; field). field. }
  split; [exact S0|split; [intros; apply orbit_flow; auto; lia|split]].
  - unfold rate, inner. cbn [Sum]. rewrite !F by lia. unfold po, trained, q0. cbn [Nat.eqb]. lra.
  - assert (ZV : Z 4 (z 256) <= 1/125).
    { unfold Z. cbn [Sum]. unfold z. rewrite !(exp_off 4 3 q0 P 256) by (try lra; lia).
      assert (T : exp (orbit 4 3 q0 256 3) = q0 3%nat * ((1 + 256 * q0 0%nat) * ((1 + 256 * q0 1%nat) * (1 + 256 * q0 2%nat)))).
      { unfold orbit. cbn [Nat.eqb Sum]. rewrite !exp_plus, exp_0, !exp_ln by (unfold q0; lra). ring. }
      rewrite T. unfold q0. lra. }
    assert (ZP : 0 < Z 4 (z 256)) by (apply Z_pos; lia).
    assert (A : 48/100 <= softmax 4 (z 256) 0).
    { unfold z. rewrite orbit_off by (auto; lra || lia). fold z. unfold q0. replace (/ (2 / 3) + 256) with (515/2) by field.
      apply (Rmult_le_reg_r (515 / 2 * Z 4 (z 256))); [lra|]. rewrite Rinv_l by lra. lra. }
    assert (B : 12/1000 <= softmax 4 (z 256) 2).
    { unfold z. rewrite orbit_off by (auto; lra || lia). fold z. unfold q0. replace (/ (1 / 10000) + 256) with 10256 by field.
      apply (Rmult_le_reg_r (10256 * Z 4 (z 256))); [lra|]. rewrite Rinv_l by lra. lra. }
    unfold loss. cbn [Sum]. rewrite !F by lia. unfold po. cbn iota.
    assert (LA : ln (48/100) <= ln (softmax 4 (z 256) 0)) by (apply ln_le; lra).
    assert (LB : ln (12/1000) <= ln (softmax 4 (z 256) 2)) by (apply ln_le; lra).
    pose proof (ln_lt_powers 6 (2/3) (1/10000) (48/100) (12/1000) ltac:(lra) ltac:(lra) ltac:(lra) ltac:(lra) ltac:(simpl; lra)) as L.
    replace (INR 6) with 6 in L by (simpl; ring). unfold q0. lra.
Qed.

(* "the share that returns never exceeds |supp t| / (|supp a| + |supp t|)", here 1/2: alignment cost o exactly ln 10^6 nats (q_0 = (1-e) p_a +
   e (15/16 p_o + 1/16 p_t), e = 10^-6, one token each), and at sigma = 4000 more than half of that is back *)
Theorem logit_share_may_exceed :
  let e := 1/1000000 in let q0 j := match j with 0%nat => 1 - e | 1%nat => 15/16 * e | _ => 1/16 * e end in
  let po j := match j with 1%nat => 1 | _ => 0 end in let z := orbit 3 2 q0 in
  (forall j, (j < 3)%nat -> z 0 j = ln (q0 j)) /\
  (forall s j, 0 <= s -> (j < 3)%nat -> is_derive (fun s => z s j) s (Z 3 (z s) * (trained 2 j - softmax 3 (z s) j))) /\
  loss 3 po (z 0) - - ln (15/16) = ln (/ e) /\ 1/2 * ln (/ e) < loss 3 po (z 0) - loss 3 po (z 4000).
Proof.
  intros e q0 po z. assert (P : forall j, (j < 3)%nat -> 0 < q0 j) by (intros [|[|j]] _; unfold q0, e; lra).
  assert (S0 : forall j, (j < 3)%nat -> z 0 j = ln (q0 j)) by (intros; apply orbit_start; auto; lia).
  assert (F : forall j, (j < 3)%nat -> softmax 3 (z 0) j = q0 j).
  { intros j Hj. unfold softmax, Z. rewrite (Sum_ext 3 _ q0), S0, exp_ln by (auto; intros; rewrite S0, exp_ln by auto; reflexivity).
    replace (Sum 3 q0) with 1 by (unfold q0, e; cbn; field). field. }
  assert (L0 : loss 3 po (z 0) = - ln (15/16 * e)) by (unfold loss; cbn [Sum]; rewrite !F by lia; unfold po, q0; cbn iota; ring).
  split; [exact S0|split; [intros; apply orbit_flow; auto; lia|split]].
  - rewrite L0, ln_mult, ln_Rinv by (unfold e; lra). ring.
  - assert (ZV : Z 3 (z 4000) <= 6/10000).
    { unfold Z. cbn [Sum]. unfold z. rewrite !(exp_off 3 2 q0 P 4000) by (try lra; lia).
      assert (T : exp (orbit 3 2 q0 4000 2) = q0 2%nat * ((1 + 4000 * q0 0%nat) * (1 + 4000 * q0 1%nat))).
      { unfold orbit. cbn [Nat.eqb Sum]. rewrite !exp_plus, exp_0, !exp_ln by (unfold q0, e; lra). ring. }
      rewrite T. unfold q0, e. lra. }
    assert (ZP : 0 < Z 3 (z 4000)) by (apply Z_pos; lia).
    assert (B : 1/1000 <= softmax 3 (z 4000) 1).
    { unfold z. rewrite orbit_off by (auto; lra || lia). fold z. unfold q0, e.
      replace (/ (15 / 16 * (1 / 1000000)) + 4000) with (16000000/15 + 4000) by field.
      apply (Rmult_le_reg_r ((16000000/15 + 4000) * Z 3 (z 4000))); [lra|]. rewrite Rinv_l by lra. lra. }
    assert (LT : loss 3 po (z 4000) = - ln (softmax 3 (z 4000) 1)) by (unfold loss; cbn [Sum]; unfold po; ring).
    rewrite L0, LT. assert (LB : ln (1/1000) <= ln (softmax 3 (z 4000) 1)) by (apply ln_le; lra).
    assert (H : ln (15/16 * e) + 1/2 * ln (/ e) < ln (1/1000)); [|lra].
    replace (/ e) with (1000 * 1000) by (unfold e; field). rewrite (ln_mult 1000 1000) by lra.
    replace (ln (15/16 * e) + 1/2 * (ln 1000 + ln 1000)) with (ln (15/16 * e) + ln 1000) by field.
    rewrite <- ln_mult by (unfold e; lra). apply ln_increasing; unfold e; lra.
Qed.
